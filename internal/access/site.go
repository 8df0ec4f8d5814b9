package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Foreign says why r is not from a program on this machine, "" where it is.
func Foreign(r *http.Request) string {
	if !loopbackHost(r.RemoteAddr) {
		return "only requests from this machine are served: run the command where bellbuoy runs, forward its admin port to yours, or configure admin.tokens or admin.users"
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

// bareHost is a host without its port and brackets.
func bareHost(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

// loopbackHost reports whether hostport, with or without a port, names this machine in a
// form that no resolver has a say in.
func loopbackHost(hostport string) bool {
	host := bareHost(hostport)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// misdirected says why r's Host is none by which this listener is asked, "" where it is one:
// a name of loopback, one of names, or the very address that the connection came to, to
// which no name can be made to lead.
func misdirected(r *http.Request, names map[string]bool) string {
	host := bareHost(r.Host)
	if loopbackHost(r.Host) || names[strings.ToLower(strings.TrimSuffix(host, "."))] {
		return ""
	}
	if asked, err := netip.ParseAddr(host); err == nil {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if local != nil {
			if own, err := netip.ParseAddrPort(local.String()); err == nil && own.Addr().Unmap().WithZone("") == asked.Unmap().WithZone("") {
				return ""
			}
		}
	}
	return "bellbuoy is not asked by this Host here: use its address, or add the name to admin.hosts"
}

// crossSite says why r is not of a page of ours or of a program, "" where it is. Another
// site's link may lead here; it may not read, and not change anything.
func crossSite(r *http.Request) string {
	const why = "the request was made by another site's page in a browser; open the address directly"
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return why
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return ""
	}
	if r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" {
		return why
	}
	return ""
}

// secure reports whether r came over TLS, to here or to a proxy that says so. Whoever says
// it wrongly gets a cookie that his own browser does not send.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}
