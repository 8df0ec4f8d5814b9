package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// Teams and organizations are those of the configuration and those that a login names.
func TestInboxesOfGroups(t *testing.T) {
	r := &running{}
	r.now.Store(&live{settings: settings{config: &config.Config{People: config.People{
		Teams: config.Groups{"ops": {"alice", "bob"}, "web": {"bob"}}, Organizations: config.Groups{"acme": {"alice"}},
	}}}})
	for _, c := range []struct {
		groups []string
		want   []store.Inbox
	}{
		{nil, []store.Inbox{{Kind: "user", Name: "alice"}, {Kind: "team", Name: "ops"}, {Kind: "organization", Name: "acme"}}},
		{[]string{"ops", "/web"}, []store.Inbox{
			{Kind: "user", Name: "alice"}, {Kind: "team", Name: "ops"}, {Kind: "organization", Name: "acme"},
			{Kind: "team", Name: "/web"}, {Kind: "organization", Name: "ops"}, {Kind: "organization", Name: "/web"},
		}},
	} {
		if d := cmp.Diff(c.want, r.inboxes("alice", c.groups)); d != "" {
			t.Errorf("with %v (-want +got)\n%s", c.groups, d)
		}
	}
}
