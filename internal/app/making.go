package app

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/connect"
)

// ConnectRow says what became of one thing at a registry.
type ConnectRow = connect.Row

// ConnectAction is what was done to it.
type ConnectAction = connect.Action

// The actions that say more than their word.
const (
	ConnectMade    = connect.Made
	ConnectChanged = connect.Changed
	ConnectReset   = connect.Reset
	ConnectRemoved = connect.Removed
	ConnectSkipped = connect.Skipped
	ConnectFailed  = connect.Failed
)

// Making says what [MakeConnection] is to make at a registry.
type Making struct {
	Connection
	// API is the URL of the registry's API; "" = what the config says of the registry.
	API      string
	Username string
	// Secret returns the password or the token each time it is needed.
	Secret func() (string, error)
	CAFile string // authorities that are trusted beside the machine's; "" = none
	// Name is what that is called which is made; Places, All, Organizations and Events
	// say of what.
	Name          string
	Places        []string
	All           bool
	Organizations []string
	Events        []string
	// File is the config.yml of a Distribution registry, which has no API for it.
	File           string
	DryRun, Remove bool
	// Every is how often to look again, until ctx is done; 0 = once.
	Every     time.Duration
	UserAgent string
	Now       time.Time
	// Tell gets what became of each thing, Say what else is to be known of a watch, and
	// Warn what is perhaps not meant.
	Tell      func(ConnectRow)
	Say, Warn func(string)
}

// MakeConnection makes the registry's side, through its API or in its file. What fails at
// one place is told as its row and keeps nothing else from being tried; the error says why
// there was no going on. Errors wrap [ErrConfig] or are a [WrongUse] where nothing was
// asked yet.
func MakeConnection(ctx context.Context, m Making) error {
	s, _, err := load(ctx, m.Files, "")
	if err != nil {
		return err
	}
	r, err := s.registry(m.Type, m.Registry)
	if err != nil {
		return err
	}
	if m.API == "" {
		m.API = r.URL
	}
	if m.API == "" && m.Type != "distribution" {
		return wrongUse("where its API is is not known: name it with --api, or with url of registry %q in the config", r.Name)
	}
	if m.URL, err = m.reachable(s.config); err != nil {
		return err
	}
	o := connect.Options{Registry: r, URL: m.URL, ShowSecrets: m.ShowSecrets, Plain: m.Plain, Template: m.Template}
	c := connect.Make{
		API:  connect.API{URL: m.API, Username: m.Username, Secret: m.Secret, UserAgent: m.UserAgent},
		Name: m.Name, Places: m.Places, All: m.All, Organizations: m.Organizations, Events: m.Events, Remove: m.Remove,
	}
	if m.Type == "distribution" {
		row, err := connect.RegistryFile(o, c, m.File, m.DryRun, m.Now)
		if err != nil {
			return wrongUse("%v", err)
		}
		m.Tell(row)
		return nil
	}
	if m.CAFile != "" {
		if c.API.Authorities, err = os.ReadFile(m.CAFile); err != nil {
			return wrongUse("read the authorities: %v", err)
		}
	}
	of := connect.Harbor
	if m.Type == "quay" {
		of = connect.Quay
	}
	side, err := of(o, c)
	if err != nil {
		return wrongUse("%v", err)
	}
	defer side.Close()
	if m.Every > 0 {
		return side.Watch(ctx, m.Every, m.Tell, m.Say)
	}
	return side.Apply(ctx, m.DryRun, m.Tell)
}

// reachable is where the registry is to post. What the config says is taken only where
// the registry can be there too; of what was named, it is said where it probably cannot.
func (m *Making) reachable(c *config.Config) (string, error) {
	if m.Type != "distribution" {
		if u, err := url.Parse(m.API); err == nil && u.Scheme == "http" && !onLoopback(m.API) {
			m.Warn(fmt.Sprintf("%s is http: the password or token can be read on the way; use https", m.API))
		}
	}
	base, near := m.URL, m.Type == "distribution" || onLoopback(m.API)
	if base == "" {
		base = intakeURL(c)
		switch {
		case m.Remove:
			return base, nil
		case unspecified(c.Listen):
			return "", wrongUse("the config does not say by which name the registry reaches bellbuoy: name it with --url, such as http://bellbuoy.example.com:5080")
		case onLoopback(base) && !near:
			return "", wrongUse("bellbuoy listens at %s, which the registry at %s cannot reach: listen on another address, and name it with --url", base, m.API)
		}
	}
	switch {
	case m.Remove, !onLoopback(base):
	case !near:
		m.Warn(fmt.Sprintf("to the registry at %s, %s is its own machine: name bellbuoy with --url as the registry reaches it", m.API, base))
	case m.Type == "harbor":
		m.Warn(fmt.Sprintf("where Harbor's jobservice runs in a container, %s is the container itself: name bellbuoy with --url", base))
	}
	return base, nil
}

// onLoopback reports whether a URL means the machine of whoever uses it.
func onLoopback(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
