package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// What becomes of the host of a URL.
const (
	always     = "always"     // refused to every target, as it is written
	restricted = "restricted" // refused as it is written, to targets that are restricted
	open       = "open"       // a public address
	name       = "name"       // a name, judged by what it resolves to
	noURL      = "no URL"
)

// The table of hosts by which people have got past guards: one address in its many
// spellings, and the networks that are nobody's business.
func TestFormsOfAHost(t *testing.T) {
	forms := []struct{ host, want string }{
		// The metadata service in the spellings of libc, browsers and proxies.
		{"169.254.169.254", always}, {"169.254.169.254.", always}, {"169.254.169.254..", always},
		{"2852039166", always}, {"0xA9FEA9FE", always}, {"0xa9fea9fe", always}, {"025177524776", always}, {"0000025177524776", always},
		{"169.16689662", always}, {"169.254.43518", always}, {"0xa9.0xfe.0xa9.0xfe", always}, {"0XA9.254.0251.0xFE", always},
		{"0251.0376.0251.0376", always}, {"0251.00376.000251.0000376", always}, {"169.254.0xa9fe", always}, {"0xa9.254.43518", always},
		{"169.254.169.0376", always}, {"169.0xfea9fe", always},
		// In digits and dots of other scripts, which become ASCII on their way into DNS.
		{"①⑥⑨.②⑤④.①⑥⑨.②⑤④", always}, {"１６９.２５４.１６９.２５４", always}, {"169。254。169。254", always}, {"169．254．169．254", always},
		{"169｡254｡169｡254", always}, {"𝟏𝟔𝟗.𝟐𝟓𝟒.𝟏𝟔𝟗.𝟐𝟓𝟒", always}, {"²⁸⁵²⁰³⁹¹⁶⁶", always}, {"0ｘa9fea9fe", always},
		{"%ef%bc%91%ef%bc%96%ef%bc%99.254.169.254", always},
		// Within IPv6.
		{"[::ffff:169.254.169.254]", always}, {"[::ffff:a9fe:a9fe]", always}, {"[0:0:0:0:0:ffff:a9fe:a9fe]", always},
		{"[0000:0000:0000:0000:0000:FFFF:A9FE:A9FE]", always}, {"[::169.254.169.254]", always}, {"[::a9fe:a9fe]", always},
		{"[64:ff9b::169.254.169.254]", always}, {"[64:ff9b::a9fe:a9fe]", always}, {"[64:ff9b:1::a9fe:a9fe]", always}, {"[64:ff9b:1:a9fe:a9:fe00::]", always},
		{"[2002:a9fe:a9fe::]", always}, {"[2002:a9fe:a9fe::1]", always}, {"[2001:0:a9fe:a9fe::1]", always}, {"[2001:0:0:0:0:0:5601:5601]", always},
		{"[2001:db8::5efe:a9fe:a9fe]", always}, {"[2606:4700::200:5efe:169.254.169.254]", always},
		{"[::ffff:169.254.169.254%25lo]", always}, {"[fe80::1]", always}, {"[fe80::a9fe:a9fe%25eth0]", always}, {"[FE80::1%251]", always}, {"[febf:ffff::1]", always},
		// Metadata services of clouds that are elsewhere.
		{"169.254.170.2", always}, {"169.254.0.23", always}, {"100.100.100.200", always}, {"1684301000", always}, {"[::ffff:100.100.100.200]", always}, {"[64:ff9b::6464:64c8]", always},
		{"168.63.129.16", always}, {"192.0.0.192", always}, {"[fd00:ec2::254]", always}, {"[fd00:ec2::23]", always}, {"[fd20:ce::254]", always}, {"[fd00:c1::a9fe:a9fe]", always}, {"[fd00:42::42]", always},
		{"224.0.0.251", always}, {"[ff02::1]", always},
		// This machine.
		{"127.0.0.1", restricted}, {"127.1", restricted}, {"127.0.1", restricted}, {"2130706433", restricted}, {"0x7f000001", restricted}, {"0x7f.1", restricted}, {"017700000001", restricted},
		{"0177.0.0.01", restricted}, {"127.0.0.1.", restricted}, {"127.255.255.254", restricted}, {"⑫7.0.0.1", restricted}, {"0.0.0.0", restricted}, {"0", restricted}, {"0x", restricted}, {"0.0", restricted}, {"0.1.2.3", restricted},
		{"[::]", restricted}, {"[::1]", restricted}, {"[0:0:0:0:0:0:0:1]", restricted}, {"[::1%25lo]", restricted}, {"[::ffff:127.0.0.1]", restricted}, {"[::ffff:7f00:1]", restricted}, {"[::ffff:0:0]", restricted}, {"[::127.0.0.1]", restricted},
		{"[64:ff9b::127.0.0.1]", restricted}, {"[2002:7f00:1::]", restricted}, {"[2001:0:7f00:1::1]", restricted}, {"[2606:4700::5efe:127.0.0.1]", restricted},
		// Networks of one's own, and of nobody.
		{"10.0.0.1", restricted}, {"10.1", restricted}, {"167772161", restricted}, {"172.16.0.1", restricted}, {"172.31.255.255", restricted}, {"192.168.1.1", restricted}, {"192.168.257", restricted}, {"0300.0250.1.1", restricted},
		{"100.64.0.1", restricted}, {"192.0.0.8", restricted}, {"192.0.2.1", restricted}, {"192.88.99.1", restricted}, {"198.18.0.1", restricted}, {"198.51.100.1", restricted}, {"203.0.113.1", restricted},
		{"239.1.1.1", restricted}, {"240.0.0.1", restricted}, {"255.255.255.255", restricted}, {"4294967295", restricted},
		{"[::ffff:10.0.0.1]", restricted}, {"[64:ff9b::10.0.0.1]", restricted}, {"[64:ff9b::8.8.8.8]", restricted}, {"[64:ff9b:1::1]", restricted}, {"[2002:808:808::1]", restricted}, {"[2001::1]", restricted},
		{"[2001:db8::1]", restricted}, {"[3fff::1]", restricted}, {"[100::1]", restricted}, {"[5f00::1]", restricted}, {"[fc00::1]", restricted}, {"[fd12:3456::1]", restricted}, {"[fec0::1]", restricted}, {"[ff05::2]", restricted},
		// What is meant to be reached.
		{"8.8.8.8", open}, {"134744072", open}, {"169.253.255.255", open}, {"169.255.0.1", open}, {"100.128.0.1", open}, {"172.32.0.1", open}, {"192.169.0.1", open}, {"11.0.0.1", open}, {"128.0.0.1", open}, {"223.255.255.255", open},
		{"[2606:4700::1111]", open}, {"[::ffff:8.8.8.8]", open}, {"[2001:4860:4860::8888]", open},
		// What looks like an address and is a name, for the resolver and the dial.
		{"localhost", name}, {"metadata.google.internal", name}, {"169.254.169.254.nip.io", name}, {"0xa9fea9fe.example.com", name}, {"169.254.169.254.1", name}, {"256.1.1.1", name}, {"4294967296", name},
		{"0x1a9fea9fe", name}, {"08.1.1.1", name}, {"1..1", name}, {"169.254.169.254x", name}, {"xn--169-254-169-254", name}, {"a-b.c", name}, {"1e3", name}, {"0x7g", name},
		{"127.0.0.1%00.example.com", noURL}, {"[169.254.169.254]", noURL}, {"%31%36%39.254.169.254", noURL}, {"169.254.169.254%2f", noURL}, {"[fe80::1%eth0]", noURL}, {"[::1", noURL}, {"169.254.169.254\t", noURL}, {"[::ffff:0251.254.169.254]", noURL},
	}
	seen := map[string]bool{}
	for _, f := range forms {
		if seen[f.host] {
			t.Errorf("%s is there twice", f.host)
		}
		seen[f.host] = true
		u, err := url.Parse("http://" + f.host + ":8080/latest")
		if err != nil {
			if f.want != noURL {
				t.Errorf("%s: %v", f.host, err)
			}
			continue
		}
		if got := become(u.Hostname()); got != f.want {
			t.Errorf("%s is %s, want %s", f.host, got, f.want)
		}
	}
	if len(forms) < 150 {
		t.Errorf("%d forms", len(forms))
	}
}

// become says what becomes of host, and that guards and the dial agree.
func become(host string) string {
	a, ok := Literal(host)
	if !ok {
		return name
	}
	strict := Guard{plugin.Egress{Restricted: true}}
	for _, g := range []Guard{{}, strict} {
		literal, dialled := g.Host(host), g.Control("tcp", net.JoinHostPort(a.String(), "80"), nil)
		if errors.Is(literal, ErrDenied) != errors.Is(dialled, ErrDenied) {
			return "judged otherwise when dialled"
		}
	}
	switch {
	case Guard{}.Host(host) != nil:
		if strict.Host(host) == nil || (Guard{plugin.Egress{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}}).Host(host) == nil {
			return "let through by an allowed network"
		}
		return always
	case strict.Host(host) != nil:
		return restricted
	}
	return open
}

// A network that is allowed opens what is in it, and nothing that only leads there.
func TestAllowedNetworks(t *testing.T) {
	g := Guard{plugin.Egress{Restricted: true, Allow: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd12::/16"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("169.254.0.0/16"),
	}}}
	for host, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "127.0.0.1": true, "fd12::1": true, "8.8.8.8": true, "64:ff9b::8.8.8.8": true, "64:ff9b::10.1.2.3": true,
		"127.0.0.2": false, "192.168.0.1": false, "fd13::1": false, "::1": false, "2002:a01:203::1": false,
		"64:ff9b::192.168.0.1": false, "169.254.169.254": false, "64:ff9b::a9fe:a9fe": false, "fe80::1": false, "": false,
	} {
		a, _ := netip.ParseAddr(host)
		if got := g.Refuses(a) == ""; got != want {
			t.Errorf("%s: %t, want %t", host, got, want)
		}
	}
}

// Behind a proxy a restricted target's name must lead somewhere allowed; what nobody knows
// is refused. Others are the proxy's matter, unless they are written as an address.
func TestBehindAProxy(t *testing.T) {
	strict, loose := Guard{plugin.Egress{Restricted: true}}, Guard{}
	for _, c := range []struct {
		guard Guard
		host  string
		want  bool
	}{
		{strict, "localhost", false}, {strict, "no..such..host", false}, {strict, "127.1", false}, {strict, "8.8.8.8", true},
		{loose, "localhost", true}, {loose, "no..such..host", true}, {loose, "127.1", true}, {loose, "0xa9fea9fe", false},
	} {
		err := c.guard.Behind(context.Background(), net.DefaultResolver, c.host)
		if (err == nil) != c.want || err != nil && !errors.Is(err, ErrDenied) {
			t.Errorf("%+v %s: %v", c.guard, c.host, err)
		}
	}
}
