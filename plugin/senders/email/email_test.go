package email

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func push(t testing.TB, options map[string]any) plugin.Delivery {
	t.Helper()
	return delivery(t, event.Sample(event.ArtifactPushed), options)
}

// reading is a mail as a reader's program takes it apart.
type reading struct {
	header     mail.Header
	subject    string
	text, html string
}

func read(t testing.TB, data []byte) reading {
	t.Helper()
	for line := range bytes.SplitSeq(data, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") {
			t.Errorf("a line of %d bytes: %.100q", len(line), line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %.500q", err, data)
	}
	r := reading{header: m.Header}
	if r.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Errorf("subject: %v", err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s: %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, p := range []struct {
		kind string
		into *string
	}{{"text/plain; charset=utf-8", &r.text}, {"text/html; charset=utf-8", &r.html}} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("part %s: %v", p.kind, err)
		}
		if got := part.Header.Get("Content-Type"); got != p.kind || len(part.Header) != 2 {
			t.Errorf("headers of a part: %v", part.Header)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Errorf("part %s: %v", p.kind, err)
		}
		*p.into = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("behind the parts: %v", err)
	}
	return r
}

func TestMail(t *testing.T) {
	r := (&relay{}).start(t, nil, false)
	s := New("1.2.3")
	d := push(t, r.options(map[string]any{"to": []string{"Große Runde <ops@example.com>", "dev@bücher.example"}}))
	before := time.Now().Add(-time.Second)
	receipt, err := s.Send(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	mails := r.received()
	if len(mails) != 1 || mails[0].utf8 || mails[0].from != "bell@example.com" || cmp.Diff(mails[0].to, []string{"ops@example.com", "dev@xn--bcher-kva.example"}) != "" {
		t.Fatalf("%+v", mails)
	}
	m := read(t, mails[0].data)
	date, err := m.header.Date()
	if err != nil || date.Before(before.Truncate(time.Second)) || date.After(time.Now()) {
		t.Errorf("date %v, %v", date, err)
	}
	to, err := m.header.AddressList("To")
	if err != nil || len(to) != 2 || to[0].Name != "Große Runde" {
		t.Errorf("to %v, %v", to, err)
	}
	for _, name := range []string{"Date", "To", "Content-Type"} {
		delete(m.header, name)
	}
	want := mail.Header{
		"From": {`"Bellbuoy" <bell@example.com>`}, "Message-Id": {"<" + d.ID + "@example.com>"},
		"References":     m.header["References"], // see TestConversation
		"Subject":        {"prod/api:v1.2.3 (and latest) pushed"},
		"Auto-Submitted": {"auto-generated"}, "X-Auto-Response-Suppress": {"All"}, "User-Agent": {"bellbuoy/1.2.3"},
		"X-Bellbuoy-Target": {"ops-mail"}, "X-Bellbuoy-Event": {"artifact.pushed"}, "X-Bellbuoy-Level": {"info"},
		"Mime-Version": {"1.0"},
	}
	if diff := cmp.Diff(want, m.header); diff != "" {
		t.Error(diff)
	}
	golden(t, "push.txt", m.text)
	golden(t, "push.html", m.html)
	if !strings.HasPrefix(r.hello, "[127.0.0.1]") && !strings.Contains(r.hello, ".") {
		t.Errorf("greeted as %q", r.hello)
	}

	if receipt.Status != 250 || !strings.HasPrefix(receipt.Reply, "250 ") || receipt.Latency <= 0 || receipt.Scope != "" {
		t.Errorf("receipt %+v", receipt)
	}
	shown, err := s.Render(t.Context(), d)
	shown.Headers["Date"] = receipt.Request.Headers["Date"]
	if diff := cmp.Diff(shown, receipt.Request); diff != "" || err != nil {
		t.Errorf("render: %v %s", err, diff)
	}
	if shown.Method != "MAIL" || shown.URL != "smtp://127.0.0.1:"+strconv.Itoa(r.port) || shown.Headers["Subject"] != want["Subject"][0] {
		t.Errorf("request %+v", shown)
	}

	// Another attempt is the same mail.
	d.Attempt = 2
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	again := read(t, r.received()[1].data)
	if again.header.Get("Message-ID") != want["Message-Id"][0] {
		t.Errorf("again %v", again.header)
	}
	_, body, _ := bytes.Cut(mails[0].data, []byte("\r\n\r\n"))
	_, bodyAgain, _ := bytes.Cut(r.received()[1].data, []byte("\r\n\r\n"))
	if !bytes.Equal(body, bodyAgain) {
		t.Error("the body differs")
	}
}

// Mails about one artifact are one conversation, those of another are not in it.
func TestConversation(t *testing.T) {
	s := New("1").(*sender)
	of := func(typ event.Type, digest string) string {
		e := event.Sample(typ)
		if digest != "" {
			e.Artifact.Digest = digest
		}
		l, err := s.letter(t.Context(), delivery(t, e, nil))
		if err != nil {
			t.Fatal(err)
		}
		if l.thread == "" {
			return ""
		}
		return l.references("example.com")
	}
	pushed, scanned, other := of(event.ArtifactPushed, ""), of(event.ScanCompleted, ""), of(event.ArtifactPushed, "sha256:00")
	if pushed != scanned || pushed == other || !strings.HasSuffix(pushed, "@example.com>") || of(event.RegistrySilent, "") != "" {
		t.Errorf("%q %q %q %q", pushed, scanned, other, of(event.RegistrySilent, ""))
	}
}

// The ways to TLS and in, and that each is what was asked for.
func TestConnections(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	good, _, _ := a.issue(t, time.Now().Add(time.Hour), "127.0.0.1", "localhost")
	named, _, _ := a.issue(t, time.Now().Add(time.Hour), "relay.test")
	old, _, _ := a.issue(t, time.Now().Add(-time.Minute), "127.0.0.1")
	_, certPEM, keyPEM := a.issue(t, time.Now().Add(time.Hour), "bellbuoy")
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	picky := &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	type options = map[string]any
	login := options{"username": "bell", "password": "s3cret-pass"}
	const misconfigured, fine = plugin.ScopeMisconfigured, plugin.Scope("")
	for _, c := range []struct {
		name       string
		config     *tls.Config
		over       bool
		mechanisms []string
		options    options
		want       plugin.Outcome
		scope      plugin.Scope
		err        string
	}{
		{"plain", nil, false, nil, options{"tls": "none"}, plugin.Delivered, fine, ""},
		{"plain, TLS offered", with(good), false, nil, options{"tls": "none"}, plugin.Delivered, fine, ""},
		{"starttls", with(good), false, nil, options{"tls": "starttls"}, plugin.Delivered, fine, ""},
		{"starttls is the default", with(good), false, nil, options{"tls": nil}, plugin.Delivered, fine, ""},
		{"implicit", with(good), true, nil, options{"tls": "implicit"}, plugin.Delivered, fine, ""},
		{"log in by PLAIN", with(good), false, []string{"PLAIN"}, login, plugin.Delivered, fine, ""},
		{"log in by LOGIN", with(good), false, []string{"LOGIN"}, login, plugin.Delivered, fine, ""},
		{"log in over implicit", with(good), true, []string{"CRAM-MD5", "LOGIN", "PLAIN"}, options{"tls": "implicit", "username": "bell", "password": "s3cret-pass"}, plugin.Delivered, fine, ""},
		{"client certificate", picky, false, nil, options{"cert": certPEM, "key": keyPEM}, plugin.Delivered, fine, ""},
		{"client certificate over implicit", picky, true, nil, options{"tls": "implicit", "cert": certPEM, "key": keyPEM}, plugin.Delivered, fine, ""},
		{"another name", with(named), false, nil, options{"server_name": "relay.test"}, plugin.Delivered, fine, ""},
		{"own greeting", with(good), false, nil, options{"hello": "bell.example.com"}, plugin.Delivered, fine, ""},

		{"no TLS offered", nil, false, nil, nil, plugin.Retry, misconfigured, "does not offer STARTTLS"},
		{"no TLS offered, log in", nil, false, []string{"PLAIN"}, login, plugin.Retry, misconfigured, "does not offer STARTTLS"},
		{"implicit without TLS there", nil, false, nil, options{"tls": "implicit"}, plugin.Retry, misconfigured, "does not speak TLS"},
		{"wrong password by PLAIN", with(good), false, []string{"PLAIN"}, options{"username": "bell", "password": "wr0ng-pass"}, plugin.PermanentFail, misconfigured, "log in: it answers 535"},
		{"wrong password by LOGIN", with(good), false, []string{"LOGIN"}, options{"username": "bell", "password": "wr0ng-pass"}, plugin.PermanentFail, misconfigured, "log in: it answers 535"},
		{"no password", with(good), false, []string{"PLAIN"}, nil, plugin.PermanentFail, misconfigured, "name the sender: it answers 502 5.7.0 Please authenticate first"},
		{"no way to log in", with(good), false, []string{"CRAM-MD5"}, login, plugin.Retry, misconfigured, "offers no way to log in"},
		{"certificate of a stranger", with(good), false, nil, options{"ca": stranger.pem}, plugin.Retry, misconfigured, "its certificate is not accepted: x509: certificate signed by unknown authority"},
		{"certificate of a stranger, implicit", with(good), true, nil, options{"tls": "implicit", "ca": nil}, plugin.Retry, misconfigured, "its certificate is not accepted"},
		{"certificate of another", with(named), false, nil, options{}, plugin.Retry, misconfigured, "its certificate is not accepted"},
		{"certificate of old", with(old), false, nil, options{}, plugin.Retry, misconfigured, "expired"},
		{"no client certificate", picky, false, nil, options{}, plugin.Retry, misconfigured, "for want of a client certificate"},
		{"no client certificate, implicit", picky, true, nil, options{"tls": "implicit"}, plugin.Retry, misconfigured, "for want of a client certificate"},
		{"TLS of long ago", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, false, nil, options{}, plugin.Retry, misconfigured, "start TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var states []*tls.ConnectionState
			r := &relay{mechanisms: c.mechanisms, seen: func(s *tls.ConnectionState) { states = append(states, s) }}
			if c.mechanisms != nil {
				r.password = "s3cret-pass"
			}
			r.start(t, c.config, c.over)
			o := r.options(map[string]any{"tls": "starttls", "ca": a.pem})
			for k, v := range c.options {
				o[k] = v
			}
			if o["tls"] == "none" {
				delete(o, "ca")
			}
			receipt, err := New("1").Send(t.Context(), push(t, o))
			if v := plugin.ReadVerdict(err); v.Outcome != c.want || receipt.Scope != c.scope || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%+v, scope %q: %v", v, receipt.Scope, err)
			}
			if err != nil {
				if got := r.received(); len(got) != 0 {
					t.Errorf("received %v", got)
				}
				for _, text := range []string{err.Error(), receipt.Reply} {
					if strings.Contains(text, "wr0ng") || strings.Contains(text, "s3cret") {
						t.Errorf("shown: %s", text)
					}
				}
				return
			}
			if len(states) != 1 || (states[0] == nil) != (o["tls"] == "none") {
				t.Errorf("TLS: %v", states)
			}
			if o["cert"] != nil && states[0].PeerCertificates[0].Subject.CommonName != "relay" {
				t.Errorf("certificate %v", states[0].PeerCertificates)
			}
			if want := o["hello"]; want != nil && r.hello != want {
				t.Errorf("greeted as %q", r.hello)
			}
		})
	}
}

// readHeader is the subject of a mail, decoded.
func readHeader(t *testing.T, raw string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	s, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
