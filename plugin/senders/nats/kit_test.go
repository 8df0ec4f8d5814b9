package nats

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding/bindingtest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

func TestContract(t *testing.T) {
	authority := certtest.NewAuthority(t)
	pair, its := authority.Issue(t, "bellbuoy", time.Hour), authority.Issue(t, "127.0.0.1", time.Hour)
	plain := start(t, func(o *server.Options) { // by TLS or not
		o.TLSConfig, o.AllowNonTLS = &tls.Config{Certificates: []tls.Certificate{its.TLS(t)}}, true
	})
	address := plain.Addr().String()
	stream(t, streams(t, plain, nats.Secure(&tls.Config{RootCAs: authority.Pool})), nil)
	user, public := key(t, nkeys.CreateUser)
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	keyed := start(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	stream(t, streams(t, keyed, nats.Nkey(public, user.Sign)), nil)
	trusted := newOperator(t)
	accounts := trusted.server(t)
	stream(t, streams(t, accounts, trusted.login(t)), func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 19 })
	auth := func(a map[string]any) map[string]any { return map[string]any{"auth": a} }
	plugintest.Run(t, newSender(t), plugintest.Target{
		Options: at(t, "nats://"+address, nil),
		More: []string{
			at(t, "nats://"+address, auth(map[string]any{"user": "bellbuoy", "password": "passw0rd-of-bellbuoy"})),
			at(t, "nats://"+address, map[string]any{"auth": map[string]any{"token": "t0ken-of-bellbuoy"}, "inbox_prefix": "_INBOX_bellbuoy"}),
			at(t, keyed.ClientURL(), auth(map[string]any{"nkey": string(seed)})),
			at(t, accounts.ClientURL(), auth(map[string]any{"credentials": trusted.credentials(t)})),
			at(t, "tls://"+address, map[string]any{"tls": map[string]any{"ca": authority.PEM, "cert": pair.Cert, "key": pair.Key}}),
			at(t, "nats://me:passw0rd-in-the-url@"+address, nil),
		},
		Bad: []string{
			`{"url":"http://nats.example.com","subject":"a"}`, `{"url":"nats://169.254.169.254","subject":"a"}`,
			`{"url":"nats://host/path","subject":"a"}`, `{"url":"nats://host?tls=1","subject":"a"}`,
			`{"url":"nats://host","subject":"a.*"}`, `{"url":"nats://host","subject":"a.>"}`, `{"url":"nats://host","subject":"a b"}`,
			`{"url":"nats://host","subject":".a"}`, `{"url":"nats://host","subject":"a..b"}`, `{"url":"nats://host","subject":"a\r\nPUB b"}`,
			`{"url":"nats://host","subject":"$JS.API.STREAM.DELETE.EVENTS"}`, `{"url":"nats://host","subject":"_INBOX.x"}`,
			`{"url":"nats://host","subject":"a","inbox_prefix":"a.>"}`,
			`{"url":"nats://host","subject":"a","auth":{"user":"me"}}`, `{"url":"nats://host","subject":"a","auth":{"password":"passw0rd"}}`,
			`{"url":"nats://me:passw0rd@host","subject":"a","auth":{"token":"t0ken-of-me"}}`,
			`{"url":"nats://host","subject":"a","auth":{"nkey":"SAnot-a-users-seed"}}`, `{"url":"nats://host","subject":"a","auth":{"credentials":"/etc/nats.creds"}}`,
			`{"url":"tls://host","subject":"a","tls":{"cert":` + quoted(t, pair.Cert) + `}}`, `{"url":"tls://host","subject":"a","tls":{"ca":"/no/such/file"}}`,
		},
		Secrets: []string{"passw0rd-in-the-url"},
		Takes:   true,
	})
}

func TestMessages(t *testing.T) {
	bindingtest.Golden(t, newSender(t), at(t, "nats://bellbuoy:passw0rd@nats.example.com:4222", nil))
}

func TestHostileNames(t *testing.T) {
	bindingtest.Hostile(t, newSender(t), at(t, "nats://nats.example.com", nil))
}

func seed(t testing.TB) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	s, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return string(s)
}
