package egress

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

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
	for _, p := range always6 {
		if p.Contains(a) {
			return true
		}
	}
	for _, v4 := range embedded(a) {
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

// Prefixes of IPv6 that are denied always. They are parsed once, and never changed.
var always6 = prefixes("fe80::/10", "ff02::/16",
	"fd00:ec2::/32",          // AWS: metadata at ::254, credentials of pods at ::23
	"fd20:ce::254/128",       // Google Cloud
	"fd00:c1::a9fe:a9fe/128", // Oracle Cloud
	"fd00:42::42/128",        // Scaleway
)

// Networks that are not the public internet's, by the registries of special addresses.
// They are private, local, for documentation, or lead through a translator.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, s := range all {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func public(a netip.Addr) bool {
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

// embedded lists the IPv4 addresses that a may stand for, which is not a mapped one.
func embedded(a netip.Addr) []netip.Addr {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
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

// Literal reads a host that stands for an address without anybody being asked: also as
// browsers, proxies and libc read it, with parts left out, in octal or hexadecimal, as one
// number, in the digits of other scripts, with a dot at its end.
func Literal(host string) (netip.Addr, bool) {
	host = strings.TrimRight(host, ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return a, true
	}
	if strings.IndexFunc(host, func(r rune) bool { return r > '~' }) >= 0 {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return netip.Addr{}, false
		}
		host = strings.TrimRight(ascii, ".")
		if a, err := netip.ParseAddr(host); err == nil {
			return a, true
		}
	}
	return numbers(host)
}

// numbers reads an IPv4 address as inet_aton does: one to four numbers, the last of which
// fills what is left.
func numbers(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		n, ok := number(part)
		if !ok {
			return netip.Addr{}, false
		}
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		if n >= 1<<bits {
			return netip.Addr{}, false
		}
		sum = sum<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

func number(s string) (uint64, bool) {
	base := 10
	switch {
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"):
		s, base = s[2:], 16
		if s == "" {
			return 0, true
		}
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	n, err := strconv.ParseUint(s, base, 64)
	return n, err == nil
}
