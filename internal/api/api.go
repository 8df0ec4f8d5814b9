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
	// Ready returns why events cannot be taken or delivered now, nil where they can.
	Ready func() error
	// Judge says what the rules in force make of an event accepted at a time.
	Judge func(e *event.Event, from time.Time) (store.Routing, error)
	// Terms are those of deliveries to a target of the configuration.
	Terms func(target string) (store.Terms, bool)
	// Plugins lists the senders; may be nil: then none are told of.
	Plugins func() []Plugin
	// RestartPlugin has the sender of a type run anew. It is needed where Plugins is.
	RestartPlugin func(ctx context.Context, typ string) error
	// Inboxes are those that a user reads: his own, and those of his teams and organizations.
	Inboxes func(user string) []store.Inbox
	// Metrics serves what an operator watches; MetricsOpen reports whether anybody may
	// read it, and not only programs on this machine. Both may be nil: then there is none.
	Metrics     http.Handler
	MetricsOpen func() bool

	Version string
	Log     *slog.Logger
}

// server answers the requests.
type server struct {
	Config
	api     huma.API
	now     func() time.Time
	testing atomic.Bool // a back-test runs
}

// New returns the handler of the admin listener. It serves
//
//	GET /api/v1/events           a list, newest first
//	GET /api/v1/events/{id}      one event's trace
//	GET /api/v1/deliveries       a list, those planned last first: dead letters with ?state=dead
//	GET /api/v1/deliveries/{id}  one of them
//	POST /api/v1/deliveries/{id}/redeliver
//	POST /api/v1/redeliver       deliveries made again: one, or those that a filter chooses
//	POST /api/v1/replay          stored events judged by the rules in force
//	GET /api/v1/audit            what people had done, newest first
//	GET /api/v1/inbox            what people are told, newest first
//	GET /api/v1/inbox/{id}       one of them
//	GET /api/v1/inbox/unread     how much of it they have not read
//	POST /api/v1/inbox/{id}/read, /unread
//	POST /api/v1/inbox/read      all of it is read, or up to one of them
//	GET /api/v1/quarantine       bodies that could not be read
//	GET /api/v1/quarantine/{id}  one of them, with the body
//	GET /api/v1/rules            the rules in use, and how the last reload failed
//	GET /api/v1/targets          targets, and how many deliveries are in which state
//	POST /api/v1/targets/{name}/cancel
//	POST /api/v1/targets/{name}/test
//	POST /api/v1/targets/{name}/disable, /enable, /reset
//	GET /api/v1/plugins          the senders: how each runs, and what it printed last
//	GET /api/v1/plugins/{type}   one of them
//	POST /api/v1/plugins/{type}/restart
//	GET /api/v1/rule-sets/{hash} the rules that judged an event
//	POST /api/v1/backtest        what other rules would make of stored events
//	POST /api/v1/backup          a copy of the store, a SQLite file
//	GET /api/v1/version
//	GET /healthz, /readyz
//
// The health pages are for anybody. All else is for requests from this machine
// only, sent to a loopback name or address, directly and not by another site's
// page in a browser; others get 403. Every error is application/problem+json
// (RFC 9457).
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	s := &server{Config: c, now: time.Now, api: newAPI(mux, c.Version)}

	s.quarantineOps()
	get(mux, "/api/v1/events", s.events)
	get(mux, "/api/v1/events/{id}", s.trace)
	get(mux, "/api/v1/deliveries", s.deliveries)
	get(mux, "/api/v1/deliveries/{id}", s.delivery)
	post(mux, "/api/v1/deliveries/{id}/redeliver", s.redeliverOne)
	post(mux, "/api/v1/redeliver", s.redeliver)
	post(mux, "/api/v1/replay", s.replay)
	get(mux, "/api/v1/audit", s.audit)
	get(mux, "/api/v1/inbox", s.inbox)
	get(mux, "/api/v1/inbox/{id}", s.notice)
	mux.HandleFunc("GET /api/v1/inbox/unread", s.unread)
	mux.HandleFunc("POST /api/v1/inbox/read", s.markAll)
	post(mux, "/api/v1/inbox/{id}/read", s.mark(true))
	post(mux, "/api/v1/inbox/{id}/unread", s.mark(false))
	get(mux, "/api/v1/rules", s.rules)
	get(mux, "/api/v1/targets", s.targets)
	post(mux, "/api/v1/targets/{name}/cancel", s.cancelTarget)
	post(mux, "/api/v1/targets/{name}/test", s.testTarget)
	post(mux, "/api/v1/targets/{name}/disable", s.decide(disable()))
	post(mux, "/api/v1/targets/{name}/enable", s.decide(enable()))
	post(mux, "/api/v1/targets/{name}/reset", s.decide(reset()))
	get(mux, "/api/v1/plugins", s.plugins)
	get(mux, "/api/v1/plugins/{type}", s.plugin)
	post(mux, "/api/v1/plugins/{type}/restart", s.restartPlugin)
	get(mux, "/api/v1/rule-sets/{hash}", s.showRuleSet)
	post(mux, "/api/v1/backtest", s.backtest)
	post(mux, "/api/v1/backup", s.backup)
	get(mux, "/api/v1/stats", s.stats)
	get(mux, "/api/v1/version", s.version)

	open := http.NewServeMux()
	open.Handle("/healthz", Health(c.Ready, c.Running))
	open.Handle("/readyz", Health(c.Ready, c.Running))
	if c.Metrics != nil {
		get(open, "/metrics", s.metrics().ServeHTTP)
	}
	open.Handle("/", localOnly(orProblem(mux)))
	return secureHeaders(open)
}

// get serves path for GET and HEAD and answers 405 to the other methods.
func get(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "%s takes GET only, not %s", r.URL.Path, r.Method)
	})
}
