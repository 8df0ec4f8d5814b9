package email

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// attempt sends d as the host would: with what the last attempt left.
func attempt(t *testing.T, s plugin.Sender, d *plugin.Delivery, last *plugin.Receipt) (plugin.Verdict, error) {
	t.Helper()
	d.Attempt, d.Resume = d.Attempt+1, last.Resume
	receipt, err := s.Send(t.Context(), *d)
	if len(receipt.Resume) > plugin.MaxResume {
		t.Errorf("%d bytes to resume by", len(receipt.Resume))
	}
	*last = receipt
	return plugin.ReadVerdict(err), err
}

// Who has the mail does not get it again, who was refused is not asked again, and the
// others are tried until it is decided.
func TestEachRecipientHasAVerdict(t *testing.T) {
	answers := map[string]string{"gone@example.com": "550 5.1.1 no such user", "slow@example.com": "450 4.2.0 greylisted", "full@example.com": "452 4.2.2 mailbox full"}
	r := &relay{rcpt: func(to string) error {
		if a := answers[to]; a != "" {
			return no(a)
		}
		return nil
	}}
	r.start(t, nil, false)
	all := []string{"ops@example.com", "gone@example.com", "slow@example.com", "full@example.com", "dev@example.com"}
	s, d, last := New("1"), push(t, r.options(map[string]any{"to": all})), plugin.Receipt{}

	v, err := attempt(t, s, &d, &last)
	if v != (plugin.Verdict{Outcome: plugin.Retry, After: patience}) || last.Status != 250 || last.Scope != "" {
		t.Errorf("%+v, %+v", v, last)
	}
	want := fmt.Sprintf("mail server 127.0.0.1:%d does not take the mail for 2 recipients yet: gone@example.com 550 5.1.1 no such user; slow@example.com 450 4.2.0 greylisted; full@example.com 452 4.2.2 mailbox full; 2 of 5 recipients have it", r.port)
	if err == nil || err.Error() != want {
		t.Errorf("%v, want\n%s", err, want)
	}
	if !strings.HasSuffix(last.Reply, "; refused: gone@example.com 550 5.1.1 no such user; slow@example.com 450 4.2.0 greylisted; full@example.com 452 4.2.2 mailbox full") {
		t.Errorf("reply %q", last.Reply)
	}

	delete(answers, "slow@example.com")
	if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Retry || !strings.HasSuffix(err.Error(), "the mail for full@example.com yet: full@example.com 452 4.2.2 mailbox full; 3 of 5 recipients have it") {
		t.Errorf("%+v, %v", v, err)
	}
	// A session that comes to nothing forgets nothing.
	kept := last.Resume
	r.server.MaxMessageBytes = 100
	if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.PermanentFail || !strings.HasSuffix(err.Error(), "; 3 of 5 recipients have it") || last.Scope != "" || string(last.Resume) != string(kept) {
		t.Errorf("%+v, %v, %s", v, err, last.Resume)
	}
	r.server.MaxMessageBytes = 0
	answers["full@example.com"] = "550 5.2.2 mailbox full for ever"
	if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Delivered {
		t.Errorf("%+v, %v", v, err)
	}
	if last.Status != 550 || last.Reply != "refused: full@example.com 550 5.2.2 mailbox full for ever" {
		t.Errorf("%d %q", last.Status, last.Reply)
	}
	// Nothing is left to do, should one ask again.
	if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Delivered {
		t.Errorf("%+v, %v", v, err)
	}

	var got [][]string
	for _, m := range r.received() {
		got = append(got, m.to)
		to, err := read(t, m.data).header.AddressList("To")
		if err != nil || len(to) != 5 {
			t.Errorf("to %v, %v", to, err)
		}
	}
	if diff := cmp.Diff([][]string{{"ops@example.com", "dev@example.com"}, {"slow@example.com"}}, got); diff != "" {
		t.Error(diff)
	}
}

// The options may change between attempts: who is new gets the mail, who is gone does not
// hold it up.
func TestRecipientsChange(t *testing.T) {
	r := &relay{rcpt: func(to string) error {
		if strings.HasPrefix(to, "slow") {
			return no("450 4.2.0 greylisted")
		}
		return nil
	}}
	r.start(t, nil, false)
	s, last := New("1"), plugin.Receipt{}
	d := push(t, r.options(map[string]any{"to": []string{"a@example.com", "slow@example.com"}}))
	if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Retry {
		t.Fatalf("%+v, %v", v, err)
	}
	d.Options = push(t, r.options(map[string]any{"to": []string{"b@example.com", "a@example.com"}})).Options
	if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Delivered {
		t.Fatalf("%+v, %v", v, err)
	}
	if got := r.received()[1].to; !slices.Equal(got, []string{"b@example.com"}) {
		t.Errorf("%v", got)
	}
	for _, junk := range []string{"x", "[]", "null", `{"a":"b"}`} {
		last.Resume = []byte(junk)
		if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Delivered {
			t.Fatalf("%s: %+v, %v", junk, v, err)
		}
	}
}

// As many recipients as there may be, of a server that takes few at a time.
func TestManyRecipients(t *testing.T) {
	asked := 0
	r := &relay{server: smtp.NewServer(nil), rcpt: func(to string) error {
		if to == "recipient-000@example.com" {
			asked++
			return no("450 4.2.0 greylisted")
		}
		return nil
	}}
	r.server.MaxRecipients = 30
	r.start(t, nil, false)
	var all, got []string
	for i := range maxRecipients {
		all = append(all, fmt.Sprintf("recipient-%03d@example.com", i))
	}
	s, d, last := New("1"), push(t, r.options(map[string]any{"to": all})), plugin.Receipt{}
	if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Retry || asked != 1 || !strings.HasSuffix(err.Error(), "; 99 of 100 recipients have it") {
		t.Fatalf("%+v, %v, asked %d times", v, err, asked)
	}
	for _, m := range r.received() {
		got = append(got, m.to...)
		read(t, m.data)
	}
	if diff := cmp.Diff(all[1:], got); diff != "" || len(r.received()) != 4 {
		t.Errorf("%d mails %s", len(r.received()), diff)
	}
}

// All at once: nobody takes it, for good or for now; the content is refused.
func TestNobodyHasIt(t *testing.T) {
	to := []string{"a@example.com", "b@example.com"}
	for _, c := range []struct {
		name    string
		answers script
		want    plugin.Outcome
		scope   plugin.Scope
		err     string
	}{
		{"all refused", script{"RCPT": "550 no"}, plugin.PermanentFail, plugin.ScopeMisconfigured, "refuses the mail for 2 recipients: a@example.com 550 no; b@example.com 550 no"},
		{"one for good, one for now", script{"<a@example.com>": "550 no", "<b@example.com>": "450 not yet"}, plugin.Retry, "", "does not take the mail for b@example.com yet"},
		{"one refused, then the content", script{"<a@example.com>": "550 no", ".": "554 spam"}, plugin.PermanentFail, "", "refuses the mail for 2 recipients: a@example.com 550 no; b@example.com 554 spam"},
		{"one not yet, then the content", script{"<a@example.com>": "450 not yet", ".": "554 spam"}, plugin.Retry, "", "does not take the mail for a@example.com yet: a@example.com 450 not yet; b@example.com 554 spam"},
		{"one taken, then the end", script{"<b@example.com>": "421 bye"}, plugin.Retry, "", "name a recipient: it answers 421 bye"},
		{"one refused, then lost", script{"<a@example.com>": "550 no", ".": "!close"}, plugin.Retry, "", "it may have arrived"},
	} {
		host, port, _ := serve(t, c.answers)
		receipt, err := New("1").Send(t.Context(), push(t, plainTo(host, port, to...)))
		if v := plugin.ReadVerdict(err); v.Outcome != c.want || receipt.Scope != c.scope || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %+v, scope %q: %v", c.name, v, receipt.Scope, err)
		}
		if c.name == "one refused, then lost" && len(readProgress(receipt.Resume)) != 1 {
			t.Errorf("resume %s", receipt.Resume)
		}
	}
}

// An address with letters beyond ASCII goes only where it is understood; the others do not
// wait for it, and see nothing of it.
func TestInternationalAddresses(t *testing.T) {
	to := []string{"ops@example.com", "Jürgen <jürgen@bücher.example>"}
	for _, utf8 := range []bool{true, false} {
		r := &relay{server: smtp.NewServer(nil)}
		r.server.EnableSMTPUTF8 = utf8
		r.start(t, nil, false)
		s, d, last := New("1"), push(t, r.options(map[string]any{"to": to})), plugin.Receipt{}
		if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Delivered {
			t.Fatalf("%+v, %v", v, err)
		}
		m := r.received()[0]
		header := read(t, m.data).header.Get("To")
		if utf8 {
			if !m.utf8 || !slices.Equal(m.to, []string{"ops@example.com", "jürgen@xn--bcher-kva.example"}) || header != "<ops@example.com>, =?utf-8?q?J=C3=BCrgen?= <jürgen@xn--bcher-kva.example>" {
				t.Errorf("%+v, %q", m, header)
			}
			d, last = push(t, r.options(nil)), plugin.Receipt{}
			if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.Delivered || r.received()[1].utf8 {
				t.Errorf("%+v, %v: SMTPUTF8 without need, which not every server behind takes", v, err)
			}
			continue
		}
		if m.utf8 || !slices.Equal(m.to, []string{"ops@example.com"}) || header != "<ops@example.com>" || !strings.Contains(last.Reply, "refused: jürgen@xn--bcher-kva.example 553 5.6.7 the server takes no addresses with letters beyond ASCII") {
			t.Errorf("%+v, %q, %q", m, header, last.Reply)
		}
		last = plugin.Receipt{}
		d = push(t, r.options(map[string]any{"from": "jürgen@example.com"}))
		if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.PermanentFail || last.Scope != plugin.ScopeMisconfigured {
			t.Errorf("%+v, %v", v, err)
		}
		last = plugin.Receipt{}
		d = push(t, r.options(map[string]any{"to": to[1:]}))
		if v, err := attempt(t, s, &d, &last); v.Outcome != plugin.PermanentFail || last.Scope != plugin.ScopeMisconfigured {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// A mail that the server says it will not take is not sent.
func TestSize(t *testing.T) {
	host, port, said := serve(t, script{"EHLO": "250-relay.test\r\n250 SIZE 1000"})
	receipt, err := New("1").Send(t.Context(), push(t, plainTo(host, port)))
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.PermanentFail || receipt.Scope != "" || !strings.Contains(err.Error(), "and the server says that it takes 1000") {
		t.Errorf("%+v, %v", v, err)
	}
	if text := <-said; strings.Contains(text, "MAIL") {
		t.Errorf("said %q", text)
	}
}
