package egress

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestDenied(t *testing.T) {
	for _, s := range []string{
		"169.254.169.254", "169.254.0.1", "169.254.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192",
		"fe80::1", "fe80::1%eth0", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254",
		"::ffff:169.254.169.254", "::ffff:100.100.100.200", // mapped
		"::169.254.169.254",                              // compatible
		"64:ff9b::a9fe:a9fe", "64:ff9b::100.100.100.200", // NAT64
		"64:ff9b:1:a9fe:a9:fe00::",              // its local prefix of 48 bits
		"64:ff9b:1:a9:fe:a9fe::",                // of 56
		"64:ff9b:1:0:a9:fea9:fe00:0",            // of 64
		"64:ff9b:1::a9fe:a9fe",                  // of 96
		"2002:a9fe:a9fe::1", "2002:6464:64c8::", // 6to4
		"2001:0:a9fe:a9fe::1",                // Teredo's server
		"2001::5601:5601",                    // Teredo's client
		"2001:db8::5efe:169.254.169.254",     // ISATAP
		"2001:db8::200:5efe:100.100.100.200", // ISATAP, universal
	} {
		a, err := netip.ParseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		if !Denied(a) {
			t.Errorf("%s is let through", s)
		}
	}
	if !Denied(netip.Addr{}) {
		t.Error("no address is let through")
	}
	for _, s := range []string{
		"127.0.0.1", "10.0.0.1", "192.168.1.1", "100.100.100.201", "100.64.0.1", "169.253.1.1", "8.8.8.8",
		"::1", "fd00::1", "2001:db8::1", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:10.0.0.1",
	} {
		if Denied(netip.MustParseAddr(s)) {
			t.Errorf("%s is denied", s)
		}
	}
}

func TestControlStopsTheDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := net.Dialer{Control: Guard{}.Control}
	conn, err := d.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for _, address := range []string{"169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fe80::1%lo]:80"} {
		if _, err := d.Dial("tcp", address); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
