package app

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/connect"
	"github.com/bellbuoy/bellbuoy/internal/console"
)

// pages makes the console of what the API says.
func (r *running) pages(admin http.Handler) http.Handler {
	return console.New(console.Config{API: admin, Connect: r.connections, Version: r.version, Log: r.log})
}

// connections is what each registry of the configuration is to be given, where people reach
// this machine as host.
func (r *running) connections(host string) []console.Connection {
	c := r.now.Load().config
	where := intakeURL(c)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if listen, port, err := net.SplitHostPort(c.Listen); err == nil {
		if ip, err := netip.ParseAddr(listen); listen == "" || err == nil && ip.IsUnspecified() {
			scheme, _, _ := strings.Cut(where, "://")
			where = scheme + "://" + net.JoinHostPort(host, port)
		}
	}
	var out []console.Connection
	for _, reg := range c.Registries {
		var b strings.Builder
		if err := connect.Write(&b, connect.Options{Registry: reg, URL: where}); err != nil {
			continue // of a type that is given a URL and no more
		}
		kind := map[string]string{"distribution": "Distribution", "harbor": "Harbor", "quay": "Quay"}[reg.Type]
		into := map[string]string{
			"distribution": "Into the registry's config.yml; then restart it.",
			"harbor":       "A webhook policy of a project.",
			"quay":         "Notifications of a repository.",
		}[reg.Type]
		out = append(out, console.Connection{Name: kind, Text: b.String(), Into: into})
	}
	return out
}
