package access

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what a browser shows.
type page struct {
	Title, Text string
	Error       string
	Password    bool   // it asks for a name and a password
	Provider    string // of OIDC, where people can log in there
	User        string // that was typed
	Next        string // where to go on
	Done        bool   // it goes on at once
	Again       bool   // it leads to the login
	Logout      bool   // it offers to log out

	Nonce string
}

// Pages serves /login, /logout and /auth/oidc. They are for people in browsers, have no
// script, and ask nobody who he is.
func (g *Guard) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", g.showLogin)
	mux.HandleFunc("POST /login", g.takeLogin)
	mux.HandleFunc("POST /logout", g.logout)
	mux.HandleFunc("GET /auth/oidc", g.startOIDC)
	mux.HandleFunc("GET /auth/oidc/callback", g.backFromOIDC)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, refusal := g.Site(r)
		if refusal != nil {
			g.page(w, r, refusal.Status, page{Title: "Refused", Text: refusal.Detail})
			return
		}
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
}

// page answers with one.
func (g *Guard) page(w http.ResponseWriter, r *http.Request, status int, p page) {
	p.Nonce = newSecret()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+p.Nonce+"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	var b strings.Builder
	if err := pageTemplate.Execute(&b, p); err != nil {
		g.log.ErrorContext(r.Context(), "a page was not made", "error", err)
		http.Error(w, "the page was not made", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // an error here is a caller that went away
}

// login is the page that asks who somebody is, as far as that is configured.
func (g *Guard) login(next string) page {
	rules := g.rules.Load()
	p := page{Title: "Log in to bellbuoy", Next: next, Password: rules.htpasswd != nil}
	if rules.provider != nil {
		p.Provider = "/auth/oidc?next=" + url.QueryEscape(next)
	}
	switch {
	case !rules.closed:
		p.Title, p.Text = "No login here", "Without admin.tokens and admin.users, all programs of this machine are served and nobody else. There is nothing to log in to."
	case !p.Password && p.Provider == "":
		p.Title, p.Text = "No login here", "There are tokens for scripts only: admin.users is not configured."
	}
	return p
}

func (g *Guard) showLogin(w http.ResponseWriter, r *http.Request) {
	p := g.login(ownPath(r.URL.Query().Get("next")))
	if ctx, refusal := g.Identify(r); refusal == nil && From(ctx).Person {
		p.Text, p.Logout = "You are logged in as "+From(ctx).Name+".", true
	}
	g.page(w, r, http.StatusOK, p)
}

const (
	maxForm  = 16 << 10         // bytes of the form of the login
	formTime = 10 * time.Second // that it may take to arrive
)

func (g *Guard) takeLogin(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(formTime)) // not all writers have one
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	_ = control.SetReadDeadline(time.Time{}) // left behind, it would end the request
	if err != nil {
		g.page(w, r, http.StatusBadRequest, page{Title: "The form did not arrive", Text: "Go back and send it again.", Again: true})
		return
	}
	next, user := ownPath(r.PostForm.Get("next")), r.PostForm.Get("user")
	cookie, _, err := g.Login(r.Context(), user, r.PostForm.Get("password"))
	if err == nil {
		http.SetCookie(w, cookie)
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		g.broken(w, r, err)
		return
	}
	for name, values := range refusal.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("WWW-Authenticate") // a browser would ask by itself
	p := g.login(next)
	p.Error, p.User = strings.ToUpper(refusal.Detail[:1])+refusal.Detail[1:]+".", clean(user, maxUser)
	g.page(w, r, refusal.Status, p)
}

func (g *Guard) logout(w http.ResponseWriter, r *http.Request) {
	if err := g.Logout(r.Context()); err != nil {
		g.broken(w, r, err)
		return
	}
	http.SetCookie(w, sessionCookie("", secure(r), 0))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// Logout ends the session that asks, where there is one.
func (g *Guard) Logout(ctx context.Context) error {
	a, _ := ctx.Value(askerKey{}).(asker)
	if a.session == "" {
		return nil
	}
	s, err := g.store.Session(ctx, a.session)
	if err == nil {
		err = g.store.EndSession(context.WithoutCancel(ctx), s.Person, s.ID, "")
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil // it was over before
	}
	return err
}

// broken says that the store failed.
func (g *Guard) broken(w http.ResponseWriter, r *http.Request, err error) {
	g.log.ErrorContext(r.Context(), "a login or logout failed", "error", err)
	g.page(w, r, http.StatusServiceUnavailable, page{Title: "It did not work", Text: "The store of bellbuoy cannot be used now. Try again soon; the log says more.", Again: true})
}

// ownPath is where a login goes on, "/" where next leads to another site.
func ownPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || len(next) > 2000 ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, func(r rune) bool { return r == '\\' || unicode.IsControl(r) || unicode.IsSpace(r) }) ||
		strings.HasPrefix(u.Path, "//") || u.Path == "/logout" {
		return "/"
	}
	return next
}
