package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/connect"
)

// ConnectTypes are the types of registry of which [Connect] knows how to give them
// bellbuoy's URL.
func ConnectTypes() []string { return []string{"distribution", "harbor", "quay"} }

// Connection says what [Connect] is to print.
type Connection struct {
	Files    Files
	Type     string // of the registry
	Registry string // its name in the config; "" = the one of that type
	// URL is where the registry reaches bellbuoy; "" = where the config listens.
	URL         string
	ShowSecrets bool
	Plain       bool // Harbor's default format
	Template    bool // Quay's templates
}

// Connect prints to w what a registry of the configuration must be given so that it posts
// to bellbuoy. It asks nobody. Errors wrap [ErrConfig] or are a [WrongUse], but for those
// of w.
func Connect(ctx context.Context, o Connection, w io.Writer) error {
	s, _, err := load(ctx, o.Files, "")
	if err != nil {
		return err
	}
	r, err := s.registry(o.Type, o.Registry)
	if err != nil {
		return err
	}
	if o.URL == "" {
		o.URL = intakeURL(s.config)
	}
	text := new(strings.Builder)
	if err := connect.Write(text, connect.Options{
		Registry: r, URL: o.URL, ShowSecrets: o.ShowSecrets, Plain: o.Plain, Template: o.Template,
	}); err != nil {
		return wrongUse("%v", err)
	}
	_, err = io.WriteString(w, text.String())
	return err
}

// registry finds the one that is called name, or else the only one of type typ.
func (s settings) registry(typ, name string) (config.Registry, error) {
	var found []config.Registry
	var names []string
	for _, r := range s.config.Registries {
		if r.Type != typ {
			continue
		}
		names = append(names, r.Name)
		if name == "" || r.Name == name {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return config.Registry{}, wrongUse("the config has %d registries of type %s: name one with --registry, %s", len(found), typ, strings.Join(names, " or "))
	case name != "":
		return config.Registry{}, wrongUse("the config has no registry %q of type %s: %s", name, typ, config.Suggest(name, names))
	}
	return config.Registry{}, wrongUse("%s has no registry of type %s: add one, such as {name: %s, type: %s}", s.file, typ, typ, typ)
}

// intakeURL is where the intake listens, as a URL. A listener on all addresses tells no
// name by which others reach it.
func intakeURL(c *config.Config) string {
	scheme := "http"
	if c.TLS != nil {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Sprintf("%s://%s", scheme, c.Listen)
	}
	if unspecified(c.Listen) {
		host = "bellbuoy"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(host, port))
}

// unspecified reports whether a listener's address is all of the machine's.
func unspecified(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}
