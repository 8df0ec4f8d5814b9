package api

import (
	"html"
	"net/http"
	"net/url"
	"strings"
)

// forPeople serves pages to those who may ask, and leads others to where they log in.
func (s *server) forPeople(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if reads && followed(r) {
			again(w, r)
			return
		}
		ctx, refusal := s.Access.Identify(r)
		switch {
		case refusal == nil:
			pages.ServeHTTP(w, r.WithContext(ctx))
		case refusal.Status == http.StatusUnauthorized && r.Header.Get("Authorization") == "":
			next := "/"
			if reads {
				next = ownAddress(r)
			}
			http.Redirect(w, r, "/login?next="+url.QueryEscape(next), http.StatusSeeOther)
		default:
			refused(refusal).write(w)
		}
	})
}

// followed reports whether somebody has followed a link on another site. His browser sends
// no cookie with that.
func followed(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// again has the browser ask for the same page by itself, as from one of ours.
func again(w http.ResponseWriter, r *http.Request) {
	to := html.EscapeString(ownAddress(r))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=` + to +
		`"><title>bellbuoy</title><p><a href="` + to + `">Go on</a></p></html>` + "\n")) // an error here is a caller that went away
}

// ownAddress is what r asks for, as an address on this site whatever its path begins with.
func ownAddress(r *http.Request) string {
	to := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/")
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	return to
}
