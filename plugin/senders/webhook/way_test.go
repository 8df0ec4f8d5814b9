package webhook

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// A client certificate says who is calling, as Quay's webhooks do it: by files and by PEM.
// The server of tokens is reached by the same authorities, and by its own name.
func TestClientCertificate(t *testing.T) {
	authority := certtest.NewAuthority(t)
	config := &tls.Config{
		Certificates: []tls.Certificate{authority.Issue(t, "hooks.example.com", time.Hour).TLS(t)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool,
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "you are "+r.TLS.PeerCertificates[0].Subject.CommonName+" with "+r.Header.Get("Authorization"))
	}))
	server.TLS, server.Config.ErrorLog = config, newSilentLog()
	server.StartTLS()
	defer server.Close()
	issuer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"t0ken-of-`+r.TLS.PeerCertificates[0].Subject.CommonName+`"}`)
	}))
	issuer.TLS, issuer.Config.ErrorLog = config.Clone(), newSilentLog()
	issuer.TLS.Certificates = []tls.Certificate{authority.Issue(t, "127.0.0.1", time.Hour).TLS(t)}
	issuer.StartTLS()
	defer issuer.Close()

	client := authority.Issue(t, "bellbuoy", time.Hour)
	dir := t.TempDir()
	for name, text := range map[string]string{"ca.crt": authority.PEM, "tls.crt": client.Cert, "tls.key": client.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := `"tls":{"ca":` + quoted(filepath.Join(dir, "ca.crt")) + `,"cert":` + quoted(filepath.Join(dir, "tls.crt")) + `,"key":` + quoted(filepath.Join(dir, "tls.key")) + `,"server_name":"hooks.example.com"}`
	texts := `"tls":{"ca":` + quoted(authority.PEM) + `,"cert":` + quoted(client.Cert) + `,"key":` + quoted(client.Key) + `,"server_name":"hooks.example.com"}`
	secret := strings.Split(client.Key, "\n")[1]
	for name, options := range map[string]string{"files": files, "texts": texts} {
		for auth, want := range map[string]string{
			"": "you are bellbuoy with ",
			`,"auth":{"oauth2":{"token_url":"` + issuer.URL + `","client_id":"c","client_secret":"s3cret"}}`: "you are bellbuoy with Bearer ***",
		} {
			receipt, err := newSender(t).Send(t.Context(), with(server.URL, options+auth))
			if err != nil || receipt.Reply != want {
				t.Errorf("%s: %+v, %v", name, receipt, err)
			}
			shows(t, receipt, err, secret, "t0ken", "s3cret")
		}
	}
}

func TestFaultsOfMoreOptions(t *testing.T) {
	authority, other := certtest.NewAuthority(t), certtest.NewAuthority(t)
	pair, expired := authority.Issue(t, "a", time.Hour), authority.Issue(t, "a", -48*time.Hour)
	for raw, want := range map[string][]plugin.Fault{
		`"auth":null,"tls":null,"secrets":null,"proxy":null,"cloudevents":null`:                          nil,
		`"auth":{},"tls":{},"secrets":[],"cloudevents":{}`:                                               nil,
		`"auth":{"basic":{"user":"u","password":""}},"proxy":"socks5://u:p@localhost:1080"`:              nil,
		`"auth":{"oauth2":{"token_url":"https://id.example.com/t","client_id":"a","client_secret":"b"}}`: nil,
		`"secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","a text"]`:                                  nil,

		`"secrets":["whsec_","whsec_abc","",5,null]`: {
			{Path: "secrets.0", Message: "is no base64 behind whsec_; copy all of it, or leave out whsec_ where the secret is a text"},
			{Path: "secrets.1", Message: "is no base64 behind whsec_; copy all of it, or leave out whsec_ where the secret is a text"},
			{Path: "secrets.2", Message: "is empty; give it a value, or remove it"},
			{Path: "secrets.3", Message: "is not a text; put its value in quotes"},
			{Path: "secrets.4", Message: "is not a text; put its value in quotes"}},
		`"secrets":["a","b","c","d","e","f","g","h","i","j","k"]`: {
			{Path: "secrets", Message: "are more than a request can carry signatures of; keep at most 10, remove those that no receiver uses"}},
		`"secrets":["a"],"headers":{"x-hub-signature-256":"x"}`: {
			{Path: "headers.x-hub-signature-256", Message: "is made of secrets; remove one"}},
		`"auth":{"beerer":"x","bearer":"a\nb","basic":{"password":5},"oauth2":{"token_url":"ftp://h","scopes":"a"}},"tls":{"ca":"ca.pem"},"proxy":"ftp://h","cloudevents":{"origin":""}`: {
			{Path: "auth.beerer", Message: `unknown option "auth.beerer"; did you mean "auth.bearer"?`},
			{Path: "auth.bearer", Message: "holds a line break or another control character; remove it"},
			{Path: "auth.basic.user", Message: "is missing; name the user"},
			{Path: "auth.basic.password", Message: "is not a text; put its value in quotes"},
			{Path: "auth.oauth2.token_url", Message: "is neither http nor https; write it as https://host/path"},
			{Path: "auth.oauth2.client_id", Message: "is missing; give the client's id"},
			{Path: "auth.oauth2.client_secret", Message: "is missing; give the client's secret"},
			{Path: "auth.oauth2.scopes", Message: "is not a list; write it as [a, b]"},
			{Path: "tls.ca", Message: "is neither PEM nor the absolute path of a file of it; write the path from the root, or {file: PATH}"},
			{Path: "proxy", Message: "is none of socks5, https and http; write it as http://host/path"},
			{Path: "cloudevents.origin", Message: "is empty; give it a value, or remove it"}},
		`"auth":{"bearer":"x","basic":{"user":"u","password":"p"}},"headers":{"authorization":"x"}`: {
			{Path: "auth", Message: "has several ways, and a request has one; keep one of bearer, basic and oauth2"},
			{Path: "headers.authorization", Message: "is set by auth too; remove one"}},
		`"auth":{"basic":{"user":"u:v","password":"p"}}`: {
			{Path: "auth.basic.user", Message: "holds a colon, which ends a user's name; remove it"}},
		`"auth":{"oauth2":{"token_url":"http://0xa9fea9fe/token","client_id":"a","client_secret":"b"}},"proxy":"http://169.254.169.254:3128"`: {
			{Path: "auth.oauth2.token_url", Message: "names 169.254.169.254, which is link-local or a cloud's metadata service and never a target; name another host"},
			{Path: "proxy", Message: "names 169.254.169.254, which is link-local or a cloud's metadata service and never a target; name another host"}},
		`"proxy":"https://proxy.example.com","tls":{"server_name":"x"}`: {
			{Path: "tls.server_name", Message: "would be asked of the proxy too, which is reached by https; remove it, or use a proxy by http"}},
		`"tls":{"cert":` + quoted(pair.Cert) + `}`: {
			{Path: "tls.key", Message: "is missing; give the private key of the certificate in tls.cert"}},
		`"tls":{"ca":` + quoted(other.PEM) + `,"cert":` + quoted(expired.Cert) + `,"key":` + quoted(expired.Key) + `}`: {
			{Path: "tls.cert", Message: "expired on " + time.Now().Add(-48*time.Hour).UTC().Format(time.DateOnly) + "; renew it", Warning: true}},
		`"tls":{"cert":` + quoted(pair.Cert) + `,"key":` + quoted(expired.Key) + `}`: {
			{Path: "tls.key", Message: "does not belong to the certificate in tls.cert: private key does not match public key"}},
		`"tls":{"ca":"/nowhere/ca.pem"}`: {
			{Path: "tls.ca", Message: "cannot be read: /nowhere/ca.pem: no such file or directory"}},
	} {
		got, err := newSender(t).Check(t.Context(), plugin.Check{Options: with("https://ci.example.com", raw).Options})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", raw, err, diff)
		}
	}
	got, _ := newSender(t).Check(t.Context(), plugin.Check{Options: with("https://me:pass@ci.example.com", `"auth":{"bearer":"x"}`).Options})
	if want := []plugin.Fault{{Path: "url", Message: "holds a user, and auth says who is sending too; remove one"}}; !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
}

// What a restricted target may not have is said when it is saved, and holds when it is
// used, also where another target with the same options is not restricted.
func TestRestrictedTarget(t *testing.T) {
	hits := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer server.Close()
	const private = ", which is not public and not allowed: egress.allow of the config names the networks that targets made through the API may be in; name another host"
	egress := plugin.Egress{Restricted: true}
	for raw, want := range map[string][]plugin.Fault{
		`{"url":"https://ci.example.com"}`: nil,
		`{"url":"http://127.1:8080/"}`:     {{Path: "url", Message: "names 127.0.0.1" + private}},
		`{"url":"https://ci.example.com","auth":{"oauth2":{"token_url":"http://[::ffff:10.0.0.1]/","client_id":"a","client_secret":"b"}}}`: {
			{Path: "auth.oauth2.token_url", Message: "names ::ffff:10.0.0.1" + private}},
		`{"url":"https://ci.example.com","proxy":"http://proxy.example.com","tls":{"ca":"/etc/passwd"}}`: {
			{Path: "proxy", Message: "can be set only by a target of the config file; remove it"},
			{Path: "tls.ca", Message: "names a file, which only a target of the config file can; give the PEM itself"}},
	} {
		got, err := newSender(t).Check(t.Context(), plugin.Check{Options: json.RawMessage(raw), Egress: egress})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", raw, err, diff)
		}
	}

	s := newSender(t)
	d := with(strings.Replace(server.URL, "127.0.0.1", "localhost", 1), `"method":"POST"`)
	for _, c := range []struct {
		egress plugin.Egress
		hits   int
	}{{plugin.Egress{}, 1}, {egress, 1}, {plugin.Egress{}, 2}, {plugin.Egress{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}, 3}, {egress, 3}} {
		d.Egress = c.egress
		receipt, err := s.Send(t.Context(), d)
		if hits != c.hits {
			t.Errorf("%+v: %d hits, want %d: %v", c.egress, hits, c.hits, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "egress denied") || receipt.Scope != plugin.ScopeMisconfigured || plugin.ReadVerdict(err).Outcome != plugin.Retry) {
			t.Errorf("%q, %v", receipt.Scope, err)
		}
	}
	o := newTokens(t)
	d = with("https://ci.example.com", `"auth":{"oauth2":{"token_url":"`+strings.Replace(o.URL, "127.0.0.1", "localhost", 1)+`/token","client_id":"a","client_secret":"b"}}`)
	d.Egress = egress
	receipt, err := s.Send(t.Context(), d)
	if err == nil || !strings.Contains(err.Error(), "egress denied") || receipt.Scope != plugin.ScopeMisconfigured || o.asked.Load() != 0 {
		t.Errorf("the token's server: %q, %v", receipt.Scope, err)
	}
}

// A proxy of its own is used, and its password is told to it alone.
func TestProxyOfATarget(t *testing.T) {
	proxy, last := echo(t, 200)
	address := strings.Replace(proxy.URL, "http://", "http://me:pr0xypass@", 1)
	receipt, err := newSender(t).Send(t.Context(), with("http://ci.invalid/hook", `"proxy":"`+address+`"`))
	if got := last().Get("Proxy-Authorization"); got != "Basic bWU6cHIweHlwYXNz" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	shows(t, receipt, err, "pr0xypass", "bWU6cHIweHlwYXNz")
	for _, proxy := range []string{"http://me:pr0xypass@127.0.0.1:1", "https://me:pr0xypass@127.0.0.1:1", "socks5://me:pr0xypass@127.0.0.1:1", "http://me:pr0xypass@no..such..host"} {
		for _, url := range []string{"http://ci.invalid/hook", "https://ci.invalid/hook"} {
			receipt, err := newSender(t).Send(t.Context(), with(url, `"proxy":"`+proxy+`"`))
			if plugin.ReadVerdict(err).Outcome != plugin.Retry {
				t.Errorf("%s: %v", proxy, err)
			}
			shows(t, receipt, err, "pr0xypass")
		}
	}
}
