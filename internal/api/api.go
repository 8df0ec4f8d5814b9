// Package api is the admin listener's REST interface: what the running bellbuoy
// tells of its events, their traces, its quarantine and its configuration. It
// reads, has targets be sent to or not and deliveries made again, and ends what nobody can
// deliver any more. What it changes is in the audit, with who asked for it.
//
// There are no tokens yet, so only this machine is served: see [New].
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Config is what the API stands on. All of it is needed.
type Config struct {
	Store *store.Store
	// Rules returns the rule set in force. Verdicts of events that another set
	// judged are computed from that set's source, which the store keeps.
	Rules func() *rules.Set
	// Running returns the configuration in use, and how its last reload failed.
	Running func() Running
	// Objects are all that were made through the API, in the order in which they were made.
	Objects func() []objects.Object
	// Change makes changes to them for by: all or none, checked, written down with an entry
	// in the audit, and in use when it returns. See package objects for its errors.
	Change func(ctx context.Context, by string, changes []objects.Change) error
	// Try says what is wrong with changes, as Change does, and returns the rules that there
	// would be. Nothing is changed.
	Try func(ctx context.Context, changes []objects.Change) (*rules.Set, error)
	// Written is what a file has under a name; false where none has.
	Written func(kind objects.Kind, name string) (Written, bool)
	// Schema is the JSON Schema of a configuration file: its $defs have Registry, Target and
	// Rule. It may be nil: then the document does not say what bodies have.
	Schema func() string
	// Ready returns why events cannot be taken or delivered now, nil where they can.
	Ready func() error
	// Judge says what the rules in force make of an event accepted at a time.
	Judge func(e *event.Event, from time.Time) (store.Routing, error)
	// Terms are those of deliveries to a target of the configuration.
	Terms func(target string) (store.Terms, bool)
	// Plugins lists the senders; may be nil: then none are told of.
	Plugins func() []Plugin
	// Verified has what is parked for addresses be sent that are verified now, and Resend has
	// the links for a target's addresses mailed again, for by. Where they are nil, no links
	// are mailed.
	Verified func(ctx context.Context) error
	Resend   func(ctx context.Context, target, by string) error
	// Known reports whether there is a user, team or organization of that name; nil =
	// whoever is named is taken.
	Known func(kind, name string) bool
	// RestartPlugin has the sender of a type run anew. It is needed where Plugins is.
	RestartPlugin func(ctx context.Context, typ string) error
	// TargetTypes lists the types that targets made through the API may have, and TargetType
	// tells of one of them; false where there is none of that name. Both may be nil: then
	// there are none.
	TargetTypes func() []string
	TargetType  func(ctx context.Context, typ string) (TargetType, bool, error)
	// Inboxes are those that a user reads: his own, and those of his teams and organizations,
	// among which are the groups that his login names.
	Inboxes func(user string, groups []string) []store.Inbox
	// Access finds out who asks; where it is nil, only this machine is served.
	Access *access.Guard
	// Pages makes pages for people, to be served below all else, of what a handler of the API
	// says to whom the guard has let pass; may be nil: then there are none.
	Pages func(api http.Handler) http.Handler
	// Metrics serves what an operator watches; MetricsOpen reports whether anybody may
	// read it, and not only viewers. Both may be nil: then there is none.
	Metrics     http.Handler
	MetricsOpen func() bool

	Version string
	Log     *slog.Logger
}

// server answers the requests.
type server struct {
	Config
	mux     *http.ServeMux
	doc     *huma.OpenAPI
	now     func() time.Time
	testing atomic.Bool // a back-test runs
}

// New returns the handler of the admin listener: what /api/openapi.json describes and
// /api/docs shows to people, /healthz, /readyz and /metrics, and Quay's API of notifications
// at its paths: see package quay.
//
// The health pages are for anybody, and /login for people. All else is for those whom
// Config.Access knows, as far as their role goes: others get 401 and 403. Every error is
// application/problem+json (RFC 9457).
func New(c Config) http.Handler {
	s := newServer(c)
	open := http.NewServeMux()
	open.Handle("/healthz", Health(c.Ready, c.Running))
	open.Handle("/readyz", Health(c.Ready, c.Running))
	if c.Metrics != nil {
		get(open, "/metrics", s.metrics().ServeHTTP)
	}
	if c.Verified != nil {
		open.Handle(VerifyPath, s.verify())
	}
	for _, path := range []string{"/login", "/logout", "/auth/"} {
		open.Handle(path, s.Access.Pages())
	}
	if api := orProblem(s.mux); c.Pages == nil {
		open.Handle("/", s.guarded(api))
	} else {
		open.Handle("/api/", s.guarded(api))
		open.Handle("/", s.forPeople(c.Pages(api)))
	}
	return secureHeaders(s.besideQuay(s.guarded, open))
}

// newServer returns what serves all that is below /api.
func newServer(c Config) *server {
	if c.Access == nil {
		c.Access = access.New(access.Config{Store: c.Store, Log: c.Log})
	}
	mux := http.NewServeMux()
	s := &server{Config: c, now: time.Now, mux: mux, doc: newDocument(c.Version)}
	s.eventOps()
	s.deliveryOps()
	s.attemptOps()
	s.againOps()
	s.ruleOps()
	s.logOps()
	s.previewOps()
	s.objectOps()
	s.ruleSetOps()
	s.backtestOps()
	s.targetOps()
	s.targetTypeOps()
	s.pluginOps()
	s.quarantineOps()
	s.inboxOps()
	s.statsOps()
	s.auditOps()
	s.sessionOps()
	s.tokenOps()
	s.backupOps()
	s.serveDocument()
	return s
}

// get serves path for GET and HEAD and answers 405 to the other methods.
func get(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "%s takes GET only, not %s", r.URL.Path, r.Method)
	})
}
