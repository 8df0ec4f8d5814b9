// Package quay is the notification API of Quay, for every registry: what scripts ask of
// Quay they ask of bellbuoy, with the same requests, replies, status codes and errors.
//
// A notification is one target and one rule of ours, named quay-UUID, which are made and
// deleted together. They are seen, changed and traced like all others.
package quay

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Config is what the API stands on. All of it is needed, but Known.
type Config struct {
	// Objects are those made through the API, in the order in which they were made.
	Objects func() []objects.Object
	// Change makes or deletes them: all or none.
	Change func(ctx context.Context, by string, changes []objects.Change) error
	// Conditions are those of targets that ever failed.
	Conditions func() map[string]store.Condition
	// Reset counts a target's failures anew, and has sent what is parked for it.
	Reset func(ctx context.Context, target, by string) (store.Condition, error)
	// Try makes an event to try a notification with, and has it delivered where its rule
	// takes it.
	Try func(ctx context.Context, t Trial) error
	// Known reports whether there is a "user", "team" or "organization" of that name; nil =
	// whoever is named is taken.
	Known func(kind, name string) bool
	// By names who asks, for the audit.
	By func(r *http.Request) string

	Log *slog.Logger
}

// Trial says what to try a notification with.
type Trial struct {
	Rule, Target string
	By           string
	Type         event.Type
	// Repository is what the event is about; for those about a namespace, Namespace is.
	Repository, Namespace string
	// Shape makes of an event that has all that its type may have the one that Quay sends.
	Shape func(*event.Event)
}

// Noun is what tokens name where they are narrowed to this API.
const Noun = "notifications"

// The paths below which everything is this API's.
const (
	repositories  = "/api/v1/repository/"
	organizations = "/api/v1/organization/"
	ofUser        = "/api/v1/user/namespacenotifications"
	errorTypes    = "/api/v1/error/"
)

// Serves reports whether a path is this API's. It is to be asked before a ServeMux is,
// which redirects paths that it finds unclean.
func Serves(path string) bool {
	return strings.HasPrefix(path, repositories) || strings.HasPrefix(path, organizations) ||
		path == ofUser || strings.HasPrefix(path, ofUser+"/") || strings.HasPrefix(path, errorTypes)
}

// api answers the requests.
type api struct{ Config }

// New returns the handler of the paths that it [Serves]. Who asks is in the request's
// context.
func New(c Config) http.Handler { return &api{c} }

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, errorTypes); ok {
		a.explain(w, r, strings.TrimSuffix(name, "/"))
		return
	}
	p, ok := parse(r.URL.Path)
	if !ok {
		fail(w, r, notFound())
		return
	}
	methods := p.methods(a)
	do, ok := methods[r.Method]
	if r.Method == http.MethodHead {
		do, ok = methods[http.MethodGet]
	}
	if !ok {
		w.Header().Set("Allow", allowed(methods))
		fail(w, r, refused(http.StatusMethodNotAllowed, "The method is not allowed for the requested URL."))
		return
	}
	need := access.Editor
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		need = access.Viewer
	}
	who := access.From(r.Context())
	if !who.May(Noun, need) {
		fail(w, r, unauthorized())
		return
	}
	if p.user {
		switch p.namespace = who.Name; {
		case who.Name == "":
			fail(w, r, unauthenticated())
			return
		case !isName(who.Name):
			fail(w, r, invalid("%q is no name of a namespace: use /api/v1/organization/NAMESPACE/notifications", who.Name))
			return
		}
	}
	if err := do(w, r, p); err != nil {
		a.failed(w, r, err)
	}
}

// explain says what an error's type means: the address of each error's "type" is here.
func (a *api) explain(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, r, refused(http.StatusMethodNotAllowed, "The method is not allowed for the requested URL."))
		return
	}
	if !access.From(r.Context()).May(Noun, access.Viewer) {
		fail(w, r, unauthorized())
		return
	}
	meaning, ok := meanings()[name]
	if !ok {
		fail(w, r, notFound())
		return
	}
	answer(w, http.StatusOK, struct {
		Type        string `json:"type"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}{typeURL(r, name), name, meaning})
}
