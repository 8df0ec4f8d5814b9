package access

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxFailures is how often an address may fail in a window of [failureWindow].
	maxFailures   = 10
	failureWindow = time.Minute
	// maxAddresses bounds of how many addresses failures are known.
	maxAddresses = 10_000
)

// throttle counts failures by address. Its zero value is ready.
type throttle struct {
	mu   sync.Mutex
	from map[netip.Prefix][]time.Time // of each address, the oldest first
}

// take counts a failure of address beforehand: what is under way at the same time counts
// too. It returns how many there were in the window, or, where there were enough, how
// long to wait; then it does not count, so that who waits gets through.
func (t *throttle) take(address netip.Prefix, now time.Time) (count int, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.from == nil {
		t.from = map[netip.Prefix][]time.Time{}
	}
	list := recent(t.from[address], now)
	if len(list) >= maxFailures {
		t.from[address] = list
		return len(list), list[0].Add(failureWindow).Sub(now)
	}
	if _, known := t.from[address]; !known && len(t.from) >= maxAddresses {
		t.forget(now)
	}
	t.from[address] = append(list, now)
	return len(list) + 1, 0
}

// give takes back what was taken at a time: it was no failure.
func (t *throttle) give(address netip.Prefix, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.from[address]
	for i := range list {
		if list[i].Equal(at) {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if t.from[address] = list; len(list) == 0 {
		delete(t.from, address)
	}
}

// forget makes room for many: addresses whose failures are long ago go, and where that is
// not enough, some of the others do. So it is seldom that all are looked at.
func (t *throttle) forget(now time.Time) {
	for a, list := range t.from {
		if len(recent(list, now)) == 0 {
			delete(t.from, a)
		}
	}
	for a := range t.from { // in no order that anybody outside knows
		if len(t.from) <= maxAddresses*3/4 {
			return
		}
		delete(t.from, a)
	}
}

// recent is what of list is in the window that ends now.
func recent(list []time.Time, now time.Time) []time.Time {
	for len(list) > 0 && now.Sub(list[0]) >= failureWindow {
		list = list[1:]
	}
	return list
}

// addressOf is what failures are counted by: an address of IPv4, or the network of one
// subscriber of IPv6.
func addressOf(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	a := ap.Addr().Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
