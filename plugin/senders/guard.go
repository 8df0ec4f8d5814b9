package senders

import (
	"fmt"
	"syscall"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// Control is for [net.Dialer.Control], of what is asked by bellbuoy itself on behalf of
// others: it refuses what senders refuse for a target with e.
func Control(e plugin.Egress) func(network, address string, c syscall.RawConn) error {
	return egress.Guard{Egress: e}.Control
}

// CheckHost says what is wrong with a host that Control would refuse since it is an address,
// however that is written; nil for a name, of which nobody is asked.
func CheckHost(e plugin.Egress, host string) error {
	a, ok := egress.Literal(host)
	if !ok {
		return nil
	}
	if why := (egress.Guard{Egress: e}).Refuses(a); why != "" {
		return fmt.Errorf("names %s, %s; name another host", a, why)
	}
	return nil
}
