// Package egress keeps senders from addresses that no target has any business at:
// link-local ones and the metadata services of clouds, which give the machine's
// credentials to whoever asks from it. Loopback and private addresses are not
// refused here.
package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrDenied is what a refused connection's error is.
var ErrDenied = errors.New("egress denied")

// Denied reports whether a is link-local or a metadata service, directly or as the
// IPv4 address within one of the IPv6 forms that a network may translate.
func Denied(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return denied4(a)
	}
	if !a.Is6() {
		return true // no address at all
	}
	for _, p := range denied6() {
		if p.Contains(a) {
			return true
		}
	}
	for _, v4 := range embedded(a.As16()) {
		if denied4(v4) {
			return true
		}
	}
	return false
}

func denied4(a netip.Addr) bool {
	switch {
	case a.IsLinkLocalUnicast(), a.IsLinkLocalMulticast(): // 169.254.0.0/16, 224.0.0.0/24
		return true
	case a == netip.AddrFrom4([4]byte{100, 100, 100, 200}): // Alibaba Cloud
		return true
	case a == netip.AddrFrom4([4]byte{168, 63, 129, 16}): // Azure's wire server
		return true
	case a == netip.AddrFrom4([4]byte{192, 0, 0, 192}): // Oracle Cloud
		return true
	}
	return false
}

func denied6() [4]netip.Prefix {
	return [4]netip.Prefix{
		netip.MustParsePrefix("fe80::/10"),
		netip.MustParsePrefix("ff02::/16"),
		netip.MustParsePrefix("fd00:ec2::254/128"), // AWS
		netip.MustParsePrefix("fd20:ce::254/128"),  // Google Cloud
	}
}

// embedded lists the IPv4 addresses that b may stand for.
func embedded(b [16]byte) []netip.Addr {
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	var found []netip.Addr
	prefix := func(want ...byte) bool { return string(b[:len(want)]) == string(want) }
	switch {
	case prefix(0x20, 0x02): // 6to4
		found = append(found, at(2))
	case prefix(0x20, 0x01, 0, 0): // Teredo: the server, and the client inverted
		found = append(found, at(4), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
	case prefix(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0): // NAT64
		found = append(found, at(12))
	case prefix(0, 0x64, 0xff, 0x9b, 0, 1): // NAT64 of one network, with a prefix of 48 to 96 bits
		found = append(found,
			netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),
			netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
			at(9), at(12))
	case prefix(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0): // IPv4-compatible
		found = append(found, at(12))
	}
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP
		found = append(found, at(12))
	}
	return found
}

// Control is for [net.Dialer.Control]: it refuses the address that is about to be
// dialled, after any name was resolved, so that no name can stand for it.
func Control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s is no address", ErrDenied, address)
	}
	if Denied(ap.Addr()) {
		return fmt.Errorf("%w: %s is link-local or a cloud's metadata service, which is never a target", ErrDenied, ap.Addr())
	}
	return nil
}
