// Package egress keeps senders from addresses that a target has no business at. Link-local
// ones, and the metadata services of clouds, which give the machine's credentials to
// whoever asks from it, are refused always; what is not public only to targets that are
// restricted, see [plugin.Egress].
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// ErrDenied is what a refused connection's error is.
var ErrDenied = errors.New("egress denied")

// Guard says which addresses may be dialled. The zero Guard refuses what is refused
// always.
type Guard struct{ plugin.Egress }

// Refuses says why a is not to be dialled: "which is a private address ..."; "" where it
// may be.
func (g Guard) Refuses(a netip.Addr) string {
	if Denied(a) {
		return "which is link-local or a cloud's metadata service and never a target"
	}
	a = a.Unmap().WithZone("")
	if !g.Restricted {
		return ""
	}
	const private = "which is not public and not allowed: egress.allow of the config names the networks that targets made through the API may be in"
	for _, v4 := range embedded(a) {
		if !v4.IsUnspecified() && !g.allows(v4) {
			return private
		}
	}
	if !g.allows(a) {
		return private
	}
	return ""
}

// allows reports whether a, an unmapped address, is public or in a network that is allowed.
func (g Guard) allows(a netip.Addr) bool {
	for _, p := range g.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return public(a)
}

// Control is for [net.Dialer.Control]: it refuses the address that is about to be
// dialled, after any name was resolved, so that no name can stand for it.
func (g Guard) Control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s is no address", ErrDenied, address)
	}
	return g.refuse(ap.Addr())
}

func (g Guard) refuse(a netip.Addr) error {
	if why := g.Refuses(a); why != "" {
		return fmt.Errorf("%w: %s, %s", ErrDenied, a, why)
	}
	return nil
}

// Host refuses a host that is an address, in any of the spellings that [Literal] knows, as
// Control would.
func (g Guard) Host(host string) error {
	if a, ok := Literal(host); ok {
		return g.refuse(a)
	}
	return nil
}

// Behind is Host for a host that a proxy will connect to. For a restricted target it also
// resolves a name and refuses it where one of its addresses is refused, or there are none:
// whatever the proxy makes of the name then is between the proxy and its resolver.
func (g Guard) Behind(ctx context.Context, r *net.Resolver, host string) error {
	if _, ok := Literal(host); ok || !g.Restricted {
		return g.Host(host)
	}
	found, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("%w: what a proxy is asked for must be known here too: %w", ErrDenied, err)
	}
	for _, a := range found {
		if err := g.refuse(a); err != nil {
			return err
		}
	}
	return nil
}
