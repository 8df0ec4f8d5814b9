// Package console is what people see of bellbuoy: pages made on the server of what the
// admin API says, readable without scripts and with nothing from elsewhere.
//
// It asks the API as the command does, in the name of who looks at the page, and knows
// nothing that the API does not tell.
package console

import (
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// Config is what the console stands on. All of it is needed.
type Config struct {
	// API answers the questions of the pages. It goes by the identity in a request's
	// context, which the guard in front of the console has put there.
	API http.Handler
	// Connect tells what each kind of registry is to be given, by the name under which this
	// machine is reached; it is shown until the first event comes.
	Connect func(host string) []Connection
	Version string
	Log     *slog.Logger
}

// Connection is what one kind of registry is to be given so that it posts here.
type Connection struct {
	Name string // of the kind, for people
	Text string // to be pasted
	Into string // where
}

// Of static, htmx.js and hx-sse.js are htmx 4.0.1 and its extension for server-sent events
// (Zero-Clause BSD), as their makers released them.
//
//go:embed all:pages static
var files embed.FS

// console answers the requests for pages.
type console struct {
	Config
	api   *client.Client
	pages map[string]*template.Template
	live  *live
	now   func() time.Time
}

// New returns the handler of the console's pages:
//
//	GET /                 what needs somebody, what happens by the hour, the newest events
//	GET /events           events, newest first; as they come
//	GET /events/{id}      one event's story
//	GET /rules            and /new, /{name}, /{name}/edit
//	GET /targets          and /new, /{name}, /{name}/edit
//	GET /dead             deliveries that nobody makes any more
//	GET /inbox
//	GET /registries, /quarantine, /quarantine/{id}, /plugins, /plugins/{type}, /audit
//	GET /static/          stylesheets and scripts
//
// and the forms on them. It is to stand behind the guard, which lets nobody else's page
// post a form.
func New(c Config) http.Handler {
	s := &console{Config: c, api: client.Inside(c.API), pages: parse(), now: time.Now}
	s.live = newLive(s)
	mux := http.NewServeMux()
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the name is written above
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", asset(http.FileServerFS(static))))
	for path, page := range map[string]pageFunc{
		"GET /{$}":                 s.overview,
		"GET /events":              s.events,
		"GET /events/{id}":         s.trace,
		"GET /rules":               s.rules,
		"GET /rules/new":           s.newRule,
		"GET /rules/{name}":        s.rule,
		"GET /rules/{name}/edit":   s.editRule,
		"GET /targets/new":         s.newTarget,
		"GET /targets/{name}":      s.target,
		"GET /targets/{name}/edit": s.editTarget,
		"GET /registries":          s.registries,
		"GET /targets":             s.targets,
		"GET /dead":                s.dead,
		"GET /inbox":               s.inbox,
		"GET /quarantine":          s.quarantine,
		"GET /quarantine/{id}":     s.quarantined,
		"GET /plugins":             s.plugins,
		"GET /plugins/{type}":      s.plugin,
		"GET /audit":               s.audit,
		"GET /":                    s.nothing,
	} {
		mux.Handle(path, s.page(page))
	}
	for path, f := range map[string]submitFunc{
		"POST /rules":                  s.saveRule,
		"POST /rules/preview":          shows(s.preview),
		"POST /rules/{name}":           s.saveRule,
		"POST /rules/{name}/text":      s.saveRuleText,
		"POST /rules/{name}/test":      act(s.testRule),
		"POST /rules/{name}/enable":    act(s.turnRule(true)),
		"POST /rules/{name}/disable":   act(s.turnRule(false)),
		"POST /rules/{name}/delete":    act(s.delete(rulesAt)),
		"POST /targets":                s.saveTarget,
		"POST /targets/{name}":         s.saveTarget,
		"POST /targets/{name}/delete":  act(s.delete(targetsAt)),
		"POST /targets/{name}/test":    act(s.testTarget),
		"POST /targets/{name}/reset":   act(s.decide(client.Reset, "reset")),
		"POST /targets/{name}/disable": act(s.decide(client.Disable, "disabled")),
		"POST /targets/{name}/enable":  act(s.decide(client.Enable, "enabled")),
		"POST /events/{id}/redeliver":  act(s.redeliverOne),
		"POST /inbox/read":             act(s.readAll),
		"POST /inbox/{id}/read":        act(s.readOne),
		"POST /plugins/{type}/restart": act(s.restartPlugin),
		"POST /dead/redeliver":         shows(s.redeliver),
	} {
		mux.Handle(path, s.submit(f))
	}
	mux.HandleFunc("GET /events/live", s.live.serve)
	return headers(mux)
}

// headers keep a page from loading or telling anything elsewhere, and others from showing
// it within theirs.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// asset lets browsers keep what changes with the program only: its address names the version.
func asset(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
		}
		next.ServeHTTP(w, r)
	})
}
