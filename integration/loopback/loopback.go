// Package loopback hands out addresses for servers that only this machine can reach.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
)

// Listen listens on a port that the kernel chose.
//
// On Linux the address is a random one of 127.0.0.0/8, not 127.0.0.1. Outgoing
// connections take their port on 127.0.0.1 from the same range that the kernel
// chooses from; so a server that goes away for a while finds its port still free
// when it comes back, and a client that knocks meanwhile never connects to itself.
func Listen() (net.Listener, error) {
	ip := net.IPv4(127, 0, 0, 1)
	if runtime.GOOS == "linux" {
		ip = net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))
	}
	l, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	return l, nil
}

// Address returns a free address for a server in another process.
func Address() (string, error) {
	l, err := Listen()
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
