// Package access decides who may ask the admin listener for what: by a token, by the
// session of somebody who logged in, or, where neither is configured, by being a program
// on this machine.
package access

import (
	"context"
	"strings"
)

// Role is what somebody may do. Each may do what those before it may.
type Role string

// The roles.
const (
	Viewer Role = "viewer" // reads all but secrets
	Editor Role = "editor" // changes rules, targets and registries, and has deliveries made
	Admin  Role = "admin"  // says who may do what, restarts senders, takes backups
)

// Roles returns the roles, the least first.
func Roles() []Role { return []Role{Viewer, Editor, Admin} }

// Covers reports whether r may do what other may.
func (r Role) Covers(other Role) bool { return r.rank() >= other.rank() }

// rank is from 1 on; 0 is none of the roles, which covers nothing.
func (r Role) rank() int {
	for i, known := range Roles() {
		if r == known {
			return i + 1
		}
	}
	return 0
}

// Identity is who asks.
type Identity struct {
	// Name is that of a token or a user; "" is a program on this machine, where nothing
	// tells one from another.
	Name string
	Role Role
	// Groups are those that a login says the user is in; they count as teams and
	// organizations.
	Groups []string
	// Scopes narrow what a token may do; nil does not: see [Identity.May].
	Scopes []string
	// Person is true for who logged in, and false for tokens and programs.
	Person bool
}

type key struct{}

// With returns ctx with who asks in it.
func With(ctx context.Context, id Identity) context.Context { return context.WithValue(ctx, key{}, id) }

// From returns who asks; the zero Identity, which may do nothing, where ctx does not say.
func From(ctx context.Context) Identity {
	id, _ := ctx.Value(key{}).(Identity)
	return id
}

// May reports whether who asks may do with noun, a name such as "events" or "targets",
// what needs role. Scopes are "NOUN:read" and "NOUN:write", which includes reading; "*"
// stands for every noun. What needs no role, only to be somebody, all may.
func (id Identity) May(noun string, need Role) bool {
	if !id.Role.Covers(need) {
		return false
	}
	if id.Scopes == nil || need == "" {
		return true
	}
	for _, s := range id.Scopes {
		name, verb, _ := strings.Cut(s, ":")
		if (name == noun || name == "*") && (verb == "write" || verb == "read" && need == Viewer) {
			return true
		}
	}
	return false
}
