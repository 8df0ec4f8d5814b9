package email

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func check(t *testing.T, options any) []string {
	t.Helper()
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	faults, err := New("1").Check(t.Context(), plugin.Check{Options: raw})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range faults {
		found = append(found, f.Path+": "+f.Message)
	}
	return found
}

func TestOptionsAreChecked(t *testing.T) {
	a := newAuthority(t)
	_, certPEM, keyPEM := a.issue(t, time.Now().Add(time.Hour), "bell")
	_, _, otherKey := a.issue(t, time.Now().Add(time.Hour), "bell")
	type o = map[string]any
	with := func(more o) o {
		all := o{"host": "smtp.example.com", "from": "bell@example.com", "to": []string{"ops@example.com"}}
		maps.Copy(all, more)
		return all
	}
	many := make([]string, maxRecipients+1)
	for i := range many {
		many[i] = fmt.Sprintf("r%d@example.com", i)
	}
	const form = "write it as ops@example.com or Operations <ops@example.com>"
	for _, c := range []struct {
		name    string
		options any
		want    []string
	}{
		{"least", with(nil), nil},
		{"all", with(o{"port": 25, "tls": "starttls", "username": "u", "password": "p", "ca": a.pem, "cert": certPEM, "key": keyPEM, "server_name": "x.example.com", "hello": "me.example.com",
			"from": "Bell <bell@example.com>", "to": []string{"jürgen@bücher.example", "Ops <ops@example.com>"}}), nil},
		{"implicit", with(o{"tls": "implicit"}), nil},
		{"none", with(o{"tls": "none"}), nil},
		{"IPv6", with(o{"host": "::1", "hello": "[IPv6:::1]"}), nil},
		{"host of one label", with(o{"host": "localhost", "to": []string{"root@localhost"}}), nil},

		{"nothing", o{}, []string{
			"host: is missing; give the name of the mail server, as smtp.example.com",
			"from: is missing; give the address that mails are from, as bellbuoy@example.com",
			"to: is missing; give the addresses that mails are for, as [ops@example.com]",
		}},
		{"no object", "x", []string{": the options of an email target are an object; write at least {host: smtp.example.com, from: bellbuoy@example.com, to: [ops@example.com]}"}},
		{"misspelt", with(o{"pasword": "x"}), []string{`pasword: unknown option "pasword"; did you mean "password"?`}},
		{"all wrong at once", with(o{"host": "smtp://x", "port": 0, "tls": "ssl", "to": []string{}, "from": "x"}), []string{
			"host: is no host name or address; write it as smtp.example.com, without scheme and port",
			"port: is not a whole number from 1 to 65535; write one",
			"tls: is none of starttls, implicit and none; choose one, or leave it out for starttls",
			"from: is not a mail address; " + form,
			"to: is an empty list; it has at least 1",
		}},
		{"port in host", with(o{"host": "smtp.example.com:25"}), []string{"host: is no host name or address; write it as smtp.example.com, without scheme and port"}},
		{"metadata service", with(o{"host": "169.254.169.254"}), []string{"host: is link-local or a cloud's metadata service and never a target; name another host"}},
		{"line break", with(o{"host": "a\r\nb", "username": "a\nb", "password": "c", "hello": "a\r\nb"}), []string{
			"host: is no host name or address; write it as smtp.example.com, without scheme and port",
			"username: holds a line break or another control character; remove it",
			"hello: is neither a host name nor an address in brackets; write it as bellbuoy.example.com or [192.0.2.1]",
		}},
		{"addresses", with(o{"to": []string{
			"", "x", "a b@example.com", "a@b@c", "<a@example.com", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "=?utf-8?q?a=0Ab?= <a@example.com>",
			`"a b"@example.com`, `"a> ORCPT=b"@example.com`, "a@exa mple.com", "a@-.example", "a@[192.0.2.1]", strings.Repeat("a", 65) + "@example.com", "ok@example.com",
		}}), []string{
			"to.0: is not a mail address; " + form, "to.1: is not a mail address; " + form, "to.2: is not a mail address; " + form, "to.3: is not a mail address; " + form,
			"to.4: is not a mail address; " + form, "to.5: is not a mail address; " + form, "to.6: is not a mail address; " + form,
			"to.7: has a name that is too long or holds control characters; give a shorter one",
			"to.8: has a local part that needs quotes, which many servers refuse; use another address",
			"to.9: has a local part that needs quotes, which many servers refuse; use another address",
			"to.10: is not a mail address; " + form,
			"to.11: has a domain that is no host name; " + form,
			"to.12: has a domain that is no host name; " + form,
			"to.13: is longer than a mail address can be; it has at most 64 bytes before the @, and 254 in all",
		}},
		{"twice", with(o{"to": []string{"a@example.com", "A <a@EXAMPLE.com>"}}), []string{"to.1: is there twice; remove one"}},
		{"too many", with(o{"to": many}), []string{"to: has 101 addresses, at most 100 are taken; make a second target, or use the address of a mailing list"}},
		{"half a login", with(o{"password": "s3cret"}), []string{"username: goes with a password and a password with a username; give both or none"}},
		{"login in clear", with(o{"tls": "none", "username": "u", "password": "s3cret", "server_name": "x"}), []string{
			"username: is never sent without TLS; choose tls: starttls or implicit, or leave username and password out",
			"server_name: has no use with tls: none; remove it, or choose tls: starttls or implicit",
		}},
		{"no certificates", with(o{"ca": "/etc/ssl/ca.pem", "cert": certPEM, "key": otherKey}), []string{
			"ca: holds no certificate; give it as PEM, from -----BEGIN CERTIFICATE----- on, or as {file: PATH}",
			"cert: and key do not make a pair; give both as PEM, or each as {file: PATH}",
		}},
		{"half a pair", with(o{"cert": certPEM}), []string{"cert: and key do not make a pair; give both as PEM, or each as {file: PATH}"}},
	} {
		if diff := cmp.Diff(c.want, check(t, c.options)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestPortsByTLS(t *testing.T) {
	for security, want := range map[string]string{
		"starttls": "smtp://h:587", "implicit": "smtps://h:465", "none": "smtp://h:25",
	} {
		target, faults := table().Read(json.RawMessage(`{"host":"h","tls":"`+security+`","from":"a@example.com","to":["b@example.com"]}`), plugin.Egress{})
		if len(faults) > 0 || target.url() != want {
			t.Errorf("%s: %v %v", security, target, faults)
		}
	}
}

func TestDescribe(t *testing.T) {
	d, err := New("1.2.3").Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := plugin.Description{Type: "email", Version: "1.2.3", Secrets: []string{"password", "key"},
		Defaults: plugin.Defaults{Order: "none", Concurrency: 4, Rate: plugin.Rate{Sends: 30, Per: time.Minute}}}
	var schema struct{ Required []string }
	if err := json.Unmarshal(d.Options, &schema); err != nil {
		t.Fatal(err)
	}
	d.Options = nil
	if diff := cmp.Diff(want, d); diff != "" || len(schema.Required) != 3 {
		t.Errorf("%v %s", schema.Required, diff)
	}
}

// A title makes the subject, a template the text of both parts; what the host has rendered
// is shown as it is.
func TestTemplates(t *testing.T) {
	s := New("1").(*sender)
	said := func(change func(*plugin.Delivery)) *letter {
		t.Helper()
		d := push(t, nil)
		change(&d)
		l, err := s.letter(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := said(func(d *plugin.Delivery) {
		d.Title, d.Template = "[{{.registry.name}}]\n{{.repository.full_name}}", "Hello,\n\n  {{.repository.full_name}} <b> & {{join \", \" .artifact.tags}}\n"
	})
	html, err := s.writer.html(l)
	if err != nil {
		t.Fatal(err)
	}
	footer := "\n\n-- \nbellbuoy, target ops-mail, artifact.pushed, delivery 019d2c5e-7a10-7c3b-9f00-000000000001\n"
	if want := "[hub] prod/api\n\nHello,\n\n  prod/api <b> & v1.2.3, latest" + footer; l.text() != want {
		t.Errorf("%q, want %q", l.text(), want)
	}
	if l.Title != "[hub] prod/api" || !strings.Contains(html, "  prod/api &lt;b&gt; &amp; v1.2.3, latest</td>") || strings.Contains(html, "Digest") {
		t.Errorf("%q %s", l.Title, html)
	}
	if l := said(func(d *plugin.Delivery) { d.Title = "{{.reason}} " }); l.Title != "prod/api:v1.2.3 (and latest) pushed" {
		t.Errorf("an empty title: %q", l.Title)
	}
	if l := said(func(d *plugin.Delivery) { d.Title = strings.Repeat("é", 500) }); l.Title != strings.Repeat("é", maxSubject-1)+"…" {
		t.Errorf("a long title: %q", l.Title)
	}
	if l := said(func(d *plugin.Delivery) { d.Body = []byte("{\r\n\t\"a\": \"b\u202e\"\r\n}") }); l.text() != "prod/api:v1.2.3 (and latest) pushed\n\n{\n \"a\": \"b\uFFFD\"\n}"+footer {
		t.Errorf("a body: %q", l.text())
	}
}

func TestTemplatesAreChecked(t *testing.T) {
	raw, err := json.Marshal(event.Sample(event.ArtifactPushed))
	if err != nil {
		t.Fatal(err)
	}
	faults, err := New("1").Check(t.Context(), plugin.Check{Template: "{{.repo}}", Title: "{{if}}", Samples: []json.RawMessage{raw}})
	if err != nil || len(faults) != 2 || faults[0].Part != plugin.PartTemplate || faults[1].Part != plugin.PartTitle {
		t.Errorf("%+v, %v", faults, err)
	}
	faults, err = New("1").Check(t.Context(), plugin.Check{Template: "{{.type}}", Title: "{{.type}}", Samples: []json.RawMessage{raw}})
	if err != nil || len(faults) != 0 {
		t.Errorf("%+v, %v", faults, err)
	}
}

// A template that cannot be read may be put right, and so may options; one that fails for
// an event fails for it again.
func TestWhatCannotBeSent(t *testing.T) {
	fine := map[string]any{"host": "127.0.0.1", "port": 1, "tls": "none", "from": "a@example.com", "to": []string{"b@example.com"}}
	for _, c := range []struct {
		change func(*plugin.Delivery)
		want   plugin.Outcome
		scope  plugin.Scope
		err    string
	}{
		{func(d *plugin.Delivery) { d.Template = "{{.tpye}" }, plugin.Retry, "", "read the template of the message to target ops-mail: line 1: "},
		{func(d *plugin.Delivery) { d.Title = "{{len .v}}!" }, plugin.PermanentFail, "", "fill in the title of the message to target ops-mail: line 1:"},
		{func(d *plugin.Delivery) { d.Event = json.RawMessage("{") }, plugin.PermanentFail, "", "decode event of delivery"},
		{func(d *plugin.Delivery) { d.Options = json.RawMessage(`{"host":"h"}`) }, plugin.Retry, plugin.ScopeMisconfigured, "read the options of target ops-mail: from is missing; "},
	} {
		d := push(t, fine)
		d.Resume = []byte(`{"a":250}`)
		c.change(&d)
		receipt, err := New("1").Send(t.Context(), d)
		if v := plugin.ReadVerdict(err); v.Outcome != c.want || receipt.Scope != c.scope || !strings.HasPrefix(err.Error(), c.err) || string(receipt.Resume) != string(d.Resume) {
			t.Errorf("%+v, scope %q, %v", v, receipt.Scope, err)
		}
		if _, err := New("1").Render(t.Context(), d); err == nil {
			t.Errorf("rendered in spite of %s", c.err)
		}
	}
}

// A target that others than the operator made sends to no address of the network that
// bellbuoy is in, unless it is allowed.
func TestRestrictedTargets(t *testing.T) {
	r := (&relay{}).start(t, nil, false)
	loopback := plugin.Egress{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for _, c := range []struct {
		host   string
		egress plugin.Egress
		fine   bool
	}{
		{"127.0.0.1", plugin.Egress{}, true}, {"127.0.0.1", loopback, true}, {"127.0.0.1", plugin.Egress{Restricted: true}, false},
		{"0x7f.1", plugin.Egress{Restricted: true}, false}, {"0xa9fea9fe", plugin.Egress{}, false}, {"10.1.2.3", loopback, false},
	} {
		d := push(t, r.options(map[string]any{"host": c.host}))
		d.Egress = c.egress
		faults, err := New("1").Check(t.Context(), plugin.Check{Options: d.Options, Egress: c.egress})
		if err != nil || (len(faults) == 0) != c.fine || !c.fine && faults[0].Path != "host" {
			t.Errorf("%s: %+v, %v", c.host, faults, err)
		}
		if net.ParseIP(c.host) == nil {
			continue // what the resolver makes of it is the system's
		}
		receipt, err := New("1").Send(t.Context(), d)
		if (err == nil) != c.fine || !c.fine && (receipt.Scope != plugin.ScopeMisconfigured || !strings.Contains(err.Error(), "egress denied")) {
			t.Errorf("%s: scope %q, %v", c.host, receipt.Scope, err)
		}
	}
}
