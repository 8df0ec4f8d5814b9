package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// secureHeaders tells browsers to show answers as what they say they are, to keep
// no copy, and to let no other site embed or read them.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// localOnly refuses what does not come from a program on this machine. Without
// tokens that is all that tells the operator from anybody else.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := foreign(r); why != "" {
			fail(w, http.StatusForbidden, "%s", why)
			return
		}
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Identity{Role: access.Admin})))
	})
}

// foreign says why r is not from a program on this machine, "" where it is.
func foreign(r *http.Request) string {
	if !loopbackHost(r.RemoteAddr) {
		return "only requests from this machine are served: run the command where bellbuoy runs, or forward its admin port to yours"
	}
	// A proxy on this machine makes all the world look local.
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(h) != "" {
			return "the header " + h + " shows that this came through a proxy; only requests sent directly from this machine are served"
		}
	}
	// A page whose name was made to resolve to 127.0.0.1 still sends its name.
	if !loopbackHost(r.Host) {
		return "the Host header names no loopback address: ask for 127.0.0.1, [::1] or localhost"
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return "the request was made by another site's page in a browser; open the address directly"
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return "the request was made by a page of another origin; this API serves none but its own"
		}
	}
	return ""
}

// loopbackHost reports whether hostport, with or without a port, names this
// machine in a form that no resolver has a say in.
func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
