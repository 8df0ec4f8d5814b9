package app

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func TestMailbox(t *testing.T) {
	for written, want := range map[string]string{
		"Ops@Example.com": "ops@example.com", `"Ops, the" <ops@example.com>`: "ops@example.com", " a b ": "a b", "Ü@example.com": "ü@example.com",
	} {
		if got := mailbox(written); got != want {
			t.Errorf("%q is %q, want %q", written, got, want)
		}
	}
}

// What was verified for a repository holds for all of its notifications; what else was made
// stands for itself; what is not in use sends nothing.
func TestRecipients(t *testing.T) {
	target := func(name, typ, options, note, inactive string) *made {
		return &made{
			Object: store.Object{Kind: "target", Name: name, Note: json.RawMessage(note)}, inactive: inactive,
			is: &config.Made{Target: &config.Target{Name: name, Type: typ, Options: json.RawMessage(options)}},
		}
	}
	const noted = `{"quay":{"repository":"prod/api","event":"repo_push"}}`
	s := settings{made: []*made{
		target("quay-1", "email", `{"to":["Ops@example.com"]}`, noted, ""),
		target("quay-2", "email", `{"to":["ops@example.com"]}`, noted, ""),
		target("quay-3", "email", `{"to":["ops@example.com"]}`, `{"quay":{"namespace":"acme","event":"quota_error"}}`, ""),
		target("mine", "email", `{"to":["a@example.com","B <b@example.com>"]}`, `{"theirs":1}`, ""),
		target("off", "email", `{"to":["c@example.com"]}`, "", "its host is missing"),
		target("hook", "webhook", `{"to":["d@example.com"]}`, "", ""),
		{Object: store.Object{Kind: "rule", Name: "r"}, is: &config.Made{Rule: &config.Rule{}}},
	}}
	var got []string
	for _, r := range s.recipients() {
		got = append(got, r.target+": "+r.written+" is "+r.Mailbox+" for "+r.Owner)
	}
	want := []string{
		"quay-1: Ops@example.com is ops@example.com for repository prod/api",
		"quay-2: ops@example.com is ops@example.com for repository prod/api",
		"quay-3: ops@example.com is ops@example.com for namespace acme",
		"mine: a@example.com is a@example.com for target mine",
		"mine: B <b@example.com> is b@example.com for target mine",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Who makes and deletes targets again and again leaves no addresses behind for ever.
func TestForgottenAddresses(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	long, lately := now.Add(-8*24*time.Hour), now.Add(-time.Hour)
	known := map[addressKey]store.Address{}
	for _, a := range []store.Address{
		{Owner: "target gone", Mailbox: "mailed@x", Mailed: long},
		{Owner: "target gone", Mailbox: "never@x", Due: long},
		{Owner: "target gone", Mailbox: "lately@x", Mailed: lately},
		{Owner: "target gone", Mailbox: "due@x", Due: lately},
		{Owner: "target gone", Mailbox: "verified@x", Mailed: long, Verified: long},
		{Owner: "target there", Mailbox: "mailed@x", Mailed: long},
	} {
		known[addressKey{a.Owner, a.Mailbox}] = a
	}
	var got []string
	for _, a := range forgotten(known, []recipient{{Address: store.Address{Owner: "target there", Mailbox: "mailed@x"}}}, now) {
		got = append(got, a.Mailbox)
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"mailed@x", "never@x"}, got); d != "" {
		t.Error(d)
	}
}

func TestReasonOfWhatIsParkedForAddresses(t *testing.T) {
	for want, list := range map[string][]store.Address{
		"not yet verified: a link was mailed to o***@example.com":      {{Mailbox: "ops@example.com", Mails: 1}},
		"not yet verified: a link is to be mailed to o***@example.com": {{Mailbox: "ops@example.com", Error: "no room"}},
		"not yet verified: a link was mailed to a***@x, b***@x; a link is to be mailed to c***@x": {
			{Mailbox: "aa@x", Mails: 1}, {Mailbox: "cc@x"}, {Mailbox: "bb@x", Mails: 2},
		},
	} {
		if got := unverifiedReason(list); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
