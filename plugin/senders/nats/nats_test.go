package nats

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding/bindingtest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line/linetest"
)

// The message as a stream has it, and once however often it was sent.
func TestDelivered(t *testing.T) {
	server := start(t, nil)
	st := stream(t, streams(t, server), nil)
	s, d := newSender(t), push(t, at(t, server.ClientURL(), nil))
	receipt, err := s.Send(t.Context(), d)
	if err != nil || receipt.Reply != "the stream EVENTS has it as number 1" || receipt.Request.Body != "" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	d.Attempt = 2
	if receipt, err = s.Send(t.Context(), d); err != nil || receipt.Reply != "the stream EVENTS has it already, as number 1" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if n := count(t, st); n != 1 {
		t.Errorf("%d messages of one delivery", n)
	}
	got, err := st.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := nats.Header{
		"Nats-Msg-Id": {d.ID}, "Content-Type": {"application/json"}, "ce-datacontenttype": {"application/json"},
		"ce-specversion": {"1.0"}, "ce-type": {"bellbuoy.artifact.pushed"},
		"ce-id": {d.Headers["Ce-Id"]}, "ce-source": {d.Headers["Ce-Source"]}, "ce-subject": {d.Headers["Ce-Subject"]}, "ce-time": {d.Headers["Ce-Time"]},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" || got.Subject != "registry.events" || string(got.Data) != string(d.Event) {
		t.Errorf("%s %s: %s", got.Subject, got.Data, diff)
	}

	d = bindingtest.As(t, "cloudevents", string(d.Options), event.Sample(event.ArtifactPushed))
	d.ID = "0192-d2"
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got, err = st.GetMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	want = nats.Header{"Nats-Msg-Id": {d.ID}, "Content-Type": {d.ContentType}}
	if diff := cmp.Diff(want, got.Header); diff != "" || string(got.Data) != string(d.Body) || !strings.HasPrefix(d.ContentType, "application/cloudevents+json") {
		t.Errorf("structured: %s %s", got.Data, diff)
	}
}

// What servers and streams answer, and what it means.
func TestVerdicts(t *testing.T) {
	plain := start(t, func(o *server.Options) { o.MaxPayload = 64 << 10 })
	js := streams(t, plain)
	stream(t, js, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 32 << 10 })
	stream(t, js, func(c *jetstream.StreamConfig) {
		c.Name, c.Subjects, c.MaxMsgs, c.Discard = "FULL", []string{"full"}, 1, jetstream.DiscardNew
	})
	if _, err := js.Publish(t.Context(), "full", nil); err != nil {
		t.Fatal(err)
	}
	_, err := js.Conn().Subscribe("answered", func(m *nats.Msg) { _ = m.Respond([]byte("thank you")) })
	if err != nil {
		t.Fatal(err)
	}
	if err := js.Conn().FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	none := start(t, func(o *server.Options) { o.JetStream = false })

	user, public := key(t, nkeys.CreateUser)
	of, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	closed := start(t, func(o *server.Options) {
		may := &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"registry.>", "$JS.>"}}}
		o.Users = []*server.User{
			{Username: "bellbuoy", Password: "passw0rd-of-it"},
			{Username: "other", Password: "passw0rd-of-it", Permissions: may},
			{Username: "deaf", Password: "passw0rd-of-it", Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_deaf.>"}}}},
		}
		o.Nkeys = []*server.NkeyUser{{Nkey: public}}
	})
	stream(t, streams(t, closed, nats.UserInfo("bellbuoy", "passw0rd-of-it")), nil)
	token := start(t, func(o *server.Options) { o.Authorization = "t0ken-of-it" })
	stream(t, streams(t, token, nats.Token("t0ken-of-it")), nil)
	trusted := newOperator(t)
	accounts := trusted.server(t)
	stream(t, streams(t, accounts, trusted.login(t)), func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 19 })

	auth := func(way ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(way); i += 2 {
			m[way[i].(string)] = way[i+1]
		}
		return map[string]any{"auth": m}
	}
	with := func(m map[string]any, k string, v any) map[string]any { m[k] = v; return m }
	large := func(n int) func(*plugin.Delivery) {
		return func(d *plugin.Delivery) { d.Body = []byte(strings.Repeat("x", n)) }
	}
	in := func(user string) string { return strings.Replace(closed.ClientURL(), "//", "//"+user+"@", 1) }
	bindingtest.Judge(t, newSender(t), map[string]bindingtest.Attempt{
		"taken":                           {Options: at(t, plain.ClientURL(), nil), Outcome: plugin.Delivered},
		"no stream has the subject":       {Options: at(t, plain.ClientURL(), map[string]any{"subject": "elsewhere"}), Outcome: plugin.Retry, Error: "no stream has it"},
		"somebody else answers":           {Options: at(t, plain.ClientURL(), map[string]any{"subject": "answered"}), Outcome: plugin.Retry, Error: "is no stream"},
		"no JetStream":                    {Options: at(t, none.ClientURL(), nil), Outcome: plugin.Retry, Error: "JetStream is off"},
		"a stream that is full":           {Options: at(t, plain.ClientURL(), map[string]any{"subject": "full"}), Outcome: plugin.Retry, Error: "maximum messages exceeded (10077)"},
		"too large for the server":        {Options: at(t, plain.ClientURL(), nil), Change: large(65 << 10), Outcome: plugin.PermanentFail, Error: "larger than 127.0.0.1"},
		"too large for the stream":        {Options: at(t, plain.ClientURL(), nil), Change: large(33 << 10), Outcome: plugin.PermanentFail, Error: "message size exceeds maximum allowed (10054)"},
		"nobody, where one must log in":   {Options: at(t, closed.ClientURL(), nil), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "does not let us in"},
		"another password":                {Options: at(t, closed.ClientURL(), auth("user", "bellbuoy", "password", "an0ther-one")), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "does not let us in"},
		"another nkey":                    {Options: at(t, closed.ClientURL(), auth("nkey", seed(t))), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "does not let us in"},
		"another token":                   {Options: at(t, token.ClientURL(), auth("token", "an0ther-one")), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "does not let us in"},
		"another operator's credentials":  {Options: at(t, accounts.ClientURL(), auth("credentials", credentials(t))), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "does not let us in"},
		"the password":                    {Options: at(t, closed.ClientURL(), auth("user", "bellbuoy", "password", "passw0rd-of-it")), Outcome: plugin.Delivered},
		"the password, in the URL":        {Options: at(t, in("bellbuoy:passw0rd-of-it"), nil), Outcome: plugin.Delivered},
		"the nkey":                        {Options: at(t, closed.ClientURL(), auth("nkey", string(of))), Outcome: plugin.Delivered},
		"the token":                       {Options: at(t, token.ClientURL(), auth("token", "t0ken-of-it")), Outcome: plugin.Delivered},
		"the token, in the URL":           {Options: at(t, strings.Replace(token.ClientURL(), "//", "//t0ken-of-it@", 1), nil), Outcome: plugin.Delivered},
		"the credentials":                 {Options: at(t, accounts.ClientURL(), auth("credentials", trusted.credentials(t))), Outcome: plugin.Delivered},
		"who may publish there":           {Options: at(t, closed.ClientURL(), auth("user", "other", "password", "passw0rd-of-it")), Outcome: plugin.Delivered},
		"who may not publish there":       {Options: at(t, closed.ClientURL(), with(auth("user", "other", "password", "passw0rd-of-it"), "subject", "elsewhere")), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: `Permissions Violation for Publish to "elsewhere"`},
		"who may not hear the answer":     {Options: at(t, closed.ClientURL(), auth("user", "deaf", "password", "passw0rd-of-it")), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "Permissions Violation for Subscription"},
		"who may hear it elsewhere":       {Options: at(t, closed.ClientURL(), with(auth("user", "deaf", "password", "passw0rd-of-it"), "inbox_prefix", "_INBOX_deaf")), Outcome: plugin.Delivered},
		"TLS, which the server has not":   {Options: at(t, strings.Replace(plain.ClientURL(), "nats:", "tls:", 1), nil), Outcome: plugin.Retry, Scope: plugin.ScopeMisconfigured, Error: "speaks no TLS"},
		"nobody listens":                  {Options: at(t, "nats://127.0.0.1:1", nil), Outcome: plugin.Retry, Error: "connection refused"},
		"an nkey, of which it knows none": {Options: at(t, plain.ClientURL(), auth("nkey", seed(t))), Outcome: plugin.Retry, Scope: plugin.ScopeMisconfigured, Error: "knows no nkeys"},
		"no such host":                    {Options: at(t, "nats://no..such..host", nil), Outcome: plugin.Retry, Scope: plugin.ScopeMisconfigured, Error: "there is no such host"},
		"out of reach for the target": {
			Options: at(t, plain.ClientURL(), nil), Change: func(d *plugin.Delivery) { d.Egress.Restricted = true },
			Outcome: plugin.Retry, Scope: plugin.ScopeMisconfigured, Error: "127.0.0.1, which is not public",
		},
	}, "passw0rd", "t0ken", "an0ther")
}

// A server that goes and comes again: what is on its way is tried again at once, not at the
// end of its time, and what comes after makes a new connection.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, func(o *server.Options) { o.StoreDir = dir })
	stream(t, streams(t, first), func(c *jetstream.StreamConfig) { c.Storage = jetstream.FileStorage })
	through := linetest.NewProxy(t, first.Addr().String())
	s := newSender(t)
	d := push(t, at(t, "nats://"+through.Addr, nil))
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	through.Silence(true) // the server has it, and its answer is lost
	d.ID = "0192-d2"
	done := make(chan error, 1)
	go func() {
		_, err := s.Send(t.Context(), d)
		done <- err
	}()
	sent := streams(t, first)
	st, err := sent.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	for count(t, st) < 2 {
		time.Sleep(time.Millisecond)
	}
	stop(first)
	if err := <-done; plugin.ReadVerdict(err).Outcome != plugin.Retry || err == nil || !strings.Contains(err.Error(), "was lost before the message was confirmed") {
		t.Errorf("the server ended before it answered: %v", err)
	}
	through.Silence(false)
	if _, err := s.Send(t.Context(), d); plugin.ReadVerdict(err).Outcome != plugin.Retry {
		t.Errorf("there is no server: %v", err)
	}
	second := restart(t, first, server.Options{Host: "127.0.0.1", NoLog: true, NoSigs: true, JetStream: true, StoreDir: dir})
	d.Attempt = 3
	receipt, err := s.Send(t.Context(), d)
	if err != nil || receipt.Reply != "the stream EVENTS has it already, as number 2" {
		t.Errorf("%+v, %v", receipt, err)
	}
	if st, err = streams(t, second).Stream(t.Context(), "EVENTS"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, st); n != 2 {
		t.Errorf("%d messages of two deliveries", n)
	}
}

// Servers that say nothing cost no more than the time that there is.
func TestDeadline(t *testing.T) {
	real := start(t, nil)
	stream(t, streams(t, real), nil)
	bindingtest.Deadline(t, newSender(t), real.Addr().String(), func(addr string) string { return at(t, "nats://"+addr, nil) })
}
