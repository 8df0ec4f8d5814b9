package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

func (c *Config) checkListeners() Faults {
	var fs Faults
	if err := checkAddress(c.Listen); err != nil {
		fs = append(fs, Faultf("listen", "%v: write HOST:PORT, such as 127.0.0.1:5080", err))
	}
	if err := checkAddress(c.Admin.Listen); err != nil {
		fs = append(fs, Faultf("admin.listen", "%v: write HOST:PORT, such as 127.0.0.1:5081", err))
	} else if c.Admin.Listen == c.Listen && !strings.HasSuffix(c.Listen, ":0") {
		fs = append(fs, Faultf("admin.listen", "%s is the intake's address too: give one of them another port", c.Listen))
	}
	return fs
}

// checkAddress says what is wrong with a listener's HOST:PORT.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535", address)
	}
	return nil
}

// reachable reports whether other machines can connect to address, as far as it
// is an address.
func reachable(address string) bool {
	return checkAddress(address) == nil && !loopback(address)
}

// loopback reports whether only this machine can connect to address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
