package kafka

import (
	"crypto/tls"
	"encoding/json"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

func TestContract(t *testing.T) {
	a := certtest.NewAuthority(t)
	c := start(t, kfake.TLS(guarded(t, a)), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "bell", "s3cret-pass"))
	ours := a.Issue(t, "bellbuoy", time.Hour)
	good, err := json.Marshal(at(c, fields{
		"tls":  fields{"ca": a.PEM, "cert": ours.Cert, "key": ours.Key},
		"sasl": fields{"username": "bell", "password": "s3cret-pass"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Run(t, making(t), plugintest.Target{
		Options: string(good),
		Takes:   true,
		Bad: []string{
			`{"brokers":[],"topic":"t"}`, `{"brokers":["kafka:0"],"topic":"t"}`, `{"brokers":["http://kafka"],"topic":"t"}`, `{"brokers":["a b"],"topic":"t"}`,
			`{"brokers":["169.254.169.254:9092"],"topic":"t"}`, `{"brokers":["0xa9fea9fe"],"topic":"t"}`, `{"brokers":[":9092"],"topic":"t"}`,
			`{"brokers":["k"],"topic":"a/b"}`, `{"brokers":["k"],"topic":".."}`, `{"brokers":["k"],"topic":"t","sasl":{"username":"u"}}`,
			`{"brokers":["k"],"topic":"t","sasl":{"mechanism":"gssapi","username":"u","password":"long-enough"}}`,
			`{"brokers":["k"],"topic":"t","tls":{"ca":"not PEM"}}`, `{"brokers":["k"],"topic":"t","tls":{"cert":"/there/is/none"}}`,
		},
	})
}

// guarded is TLS of a broker on loopback that asks for certificates of a.
func guarded(t *testing.T, a *certtest.Authority) *tls.Config {
	t.Helper()
	return &tls.Config{
		Certificates: []tls.Certificate{a.Issue(t, "127.0.0.1", time.Hour).TLS(t)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.Pool,
	}
}
