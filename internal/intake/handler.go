// Package intake is the door in: it turns a registry's request into stored deliveries.
package intake

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// Prefix is the path below which registries post.
const Prefix = "/in/"

// acceptTimeout is how long a request waits for the disk. A registry waits for one to
// ten seconds, and then repeats.
const acceptTimeout = 10 * time.Second

// Handler serves POST /in/{registry} and /in/{registry}/{event}, where the path names the
// event, and both with a secret, as in /in/{registry}/-/{secret}/{event}. It answers 202 when the store has everything on
// disk, and only then; what it cannot read goes to quarantine and is answered the same,
// because a registry repeats a refused notification for ever, before all later ones.
//
// The exceptions are 401, 403, 404, 405, 413, and 503 with Retry-After while the store
// cannot take it; then nothing was stored. 400 and 408 answer a body that did not
// arrive whole. It never redirects: a registry follows, without the body, and takes
// that for success.
type Handler struct {
	store *store.Store
	log   *slog.Logger
	plan  atomic.Pointer[Plan]
	// failing is set while the store refuses, so that it is logged once.
	failing atomic.Bool
	large   chan struct{} // has an entry for each large body in memory
	retries *retries
	room    *room
	watch   func(registry string, status int, took time.Duration) // may be nil
}

// New returns a handler that writes to s and goes by p until the next [Handler.Use].
func New(ctx context.Context, s *store.Store, p Plan, log *slog.Logger) (*Handler, error) {
	h := &Handler{
		store: s, log: log, large: make(chan struct{}, maxLarge),
		retries: newRetries(), room: newRoom(),
	}
	if err := h.Use(ctx, p); err != nil {
		return nil, err
	}
	return h, nil
}

// Use makes p the plan of all later requests, after writing down its rule set, to which
// stored events refer. On an error the plan stays what it was.
func (h *Handler) Use(ctx context.Context, p Plan) error {
	if err := h.store.PutRuleSet(ctx, p.Rules.Hash(), p.Rules.Source()); err != nil {
		return fmt.Errorf("write down rule set: %w", err)
	}
	h.plan.Store(&p)
	return nil
}

// answer is the body of a 202.
type answer struct {
	Accepted    []string `json:"accepted"` // ids of the events newly stored
	Duplicates  int      `json:"duplicates"`
	Quarantined int      `json:"quarantined"`
}

// Watch has f told of each request: which registry of the configuration it named, "" for
// none, how it was answered and how long that took. It is called before requests come.
func (h *Handler) Watch(f func(registry string, status int, took time.Duration)) { h.watch = f }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	registry, status := h.serve(w, r, began)
	if h.watch != nil {
		h.watch(registry, status, time.Since(began))
	}
}

// serve answers r. It returns the name of its registry, "" where the plan has none of
// that name, and the status of the answer.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, began time.Time) (registry string, status int) {
	at, ok := parsePath(r.URL.Path)
	if !ok {
		return "", refuse(w, http.StatusNotFound, "nothing is here; a registry posts to "+Prefix+"{registry} or "+Prefix+"{registry}/{event}")
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return "", refuse(w, http.StatusMethodNotAllowed, "use POST; notifications are looked at with the command or the console")
	}
	if fromWebPage(r.Header) {
		return "", refuse(w, http.StatusForbidden, "no web page may post notifications; send none of the headers Origin and Sec-Fetch-Site")
	}
	plan := h.plan.Load()
	reg, ok := plan.Registries[at.registry]
	if !ok {
		return "", refuse(w, http.StatusNotFound, fmt.Sprintf(
			"no registry is named %s; add it to the configuration's registries, or correct the URL in the registry's", adapters.Quote(at.registry)))
	}
	if !reg.admits(r, at.secret) {
		reg.challenge(w)
		return at.registry, refuse(w, http.StatusUnauthorized, "send the credentials that the configuration names for this registry")
	}
	r = at.request(r)
	body, done, refused := h.readBody(w, r)
	defer done()
	if refused != nil {
		return at.registry, refuse(w, refused.status, refused.detail)
	}
	return at.registry, h.take(w, r, h.arrival(r, plan, at.registry, reg, body), reg, began)
}

// take writes down what the request says, and answers; it returns the status.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, a store.Arrival, reg Registry, began time.Time) int {
	// It goes on though the client hangs up: on a slow disk, a registry that gives up and
	// repeats would else never get through.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptTimeout)
	defer cancel()
	flight := h.retries.begin(ctx, r, reg, began, &a)
	defer flight.settle(false)
	if flight != nil {
		// The body is whole. At the end of its time the connection would seem to be gone.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	failpoint.At("request read")
	accepted, err := h.accept(ctx, a, reg)
	failpoint.At("request accepted")
	flight.settle(err == nil)
	if err != nil {
		w.Header().Set("Retry-After", "5")
		return refuse(w, http.StatusServiceUnavailable, "the store cannot take it now; send it again. The log says why")
	}
	if accepted.IDs == nil {
		accepted.IDs = []string{}
	}
	w.Header().Set("Content-Type", "application/json")
	flight.answering()
	reply(w, http.StatusAccepted, answer{accepted.IDs, accepted.Duplicates, accepted.Quarantined})
	if flight != nil && http.NewResponseController(w).Flush() != nil {
		flight.unsent()
	}
	failpoint.At("request answered")
	return http.StatusAccepted
}

// accept writes a down. The first failure and the first success after it are logged.
func (h *Handler) accept(ctx context.Context, a store.Arrival, reg Registry) (store.Accepted, error) {
	accepted, err := h.store.Accept(ctx, a)
	if err == nil {
		h.room.add(a.Items, accepted.IDs, reg)
	}
	if failed := err != nil; failed != h.failing.Swap(failed) {
		if failed {
			h.log.Error("the store takes no events; registries are told to repeat", "error", err)
		} else {
			h.log.Info("the store takes events again")
		}
	}
	return accepted, err
}

// fromWebPage reports whether a browser says that a page of another site, or any page
// that may not read our answer, makes the request. Registries send neither header.
func fromWebPage(h http.Header) bool {
	if _, ok := h["Origin"]; ok {
		return true
	}
	for _, site := range h["Sec-Fetch-Site"] {
		if site != "none" && site != "same-origin" {
			return true
		}
	}
	return false
}
