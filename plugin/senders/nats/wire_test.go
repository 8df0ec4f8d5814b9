package nats

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line/linetest"
)

// One connection serves all, and another set of options has its own.
func TestOneConnection(t *testing.T) {
	server := start(t, nil)
	stream(t, streams(t, server), nil)
	through := linetest.NewProxy(t, server.Addr().String())
	s := newSender(t)
	for i := range 6 {
		d := push(t, at(t, "nats://"+through.Addr, map[string]any{"subject": fmt.Sprint("registry.", i%2)}))
		d.ID = fmt.Sprint(i)
		if i == 4 {
			through.Cut()
		}
		var err error
		for try := 0; ; try++ { // what is cut is noticed a moment later
			if _, err = s.Send(t.Context(), d); err == nil || i < 4 || try == 3 {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := through.Count(); n != 4 {
		t.Errorf("%d connections for two sets of options, both of which were cut once", n)
	}
}

// herald is a server that lets anybody in, names others of its cluster, and has no stream.
func herald(t *testing.T, others ...string) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(c net.Conn) {
		defer c.Close()
		fmt.Fprintf(c, `INFO {"server_id":"h","version":"2.15.2","proto":1,"headers":true,"max_payload":1048576,"connect_urls":["%s"]}`+"\r\n", strings.Join(others, `","`))
		for lines := bufio.NewScanner(c); lines.Scan(); {
			switch verb, _, _ := strings.Cut(lines.Text(), " "); verb {
			case "PING":
				fmt.Fprint(c, "PONG\r\n")
			case "HPUB":
				return
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return l.Addr().String(), func() { _ = l.Close() }
}

// Where its server is gone, a target is reached by others that the server named, each only
// where the guard lets it.
func TestAnnouncedServers(t *testing.T) {
	real := start(t, nil)
	stream(t, streams(t, real), nil)
	forbidden, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer forbidden.Close()
	var dialled atomic.Int32
	go func() {
		for {
			c, err := forbidden.Accept()
			if err != nil {
				return
			}
			dialled.Add(1)
			_ = c.Close()
		}
	}()
	for name, c := range map[string]struct {
		other   string
		outcome plugin.Outcome
		dials   int32
		egress  plugin.Egress
	}{
		"another":                {real.Addr().String(), plugin.Delivered, 0, plugin.Egress{}},
		"another, within reach":  {real.Addr().String(), plugin.Delivered, 0, loopback("127.0.0.1/32")},
		"one that is out of it":  {forbidden.Addr().String(), plugin.Retry, 0, loopback("127.0.0.1/32")},
		"the metadata service":   {"169.254.169.254:4222", plugin.Retry, 0, plugin.Egress{}},
		"one that is no NATS":    {forbidden.Addr().String(), plugin.Retry, 1, loopback("127.0.0.0/8")},
		"what is no address":     {"%zz", plugin.Retry, 0, plugin.Egress{}},
		"itself, which is no to": {"", plugin.Retry, 0, plugin.Egress{}},
	} {
		dialled.Store(0)
		address, stop := herald(t, c.other)
		s, d := newSender(t), push(t, at(t, "nats://"+address, nil))
		d.ID, d.Egress = name, c.egress
		if _, err := s.Send(t.Context(), d); plugin.ReadVerdict(err).Outcome != plugin.Retry {
			t.Errorf("%s: the first server took it: %v", name, err)
		}
		stop()
		_, err := s.Send(t.Context(), d)
		if got := plugin.ReadVerdict(err).Outcome; got != c.outcome || dialled.Load() != c.dials {
			t.Errorf("%s: %s, %d dials: %v", name, got, dialled.Load(), err)
		}
		if err != nil && !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v, which is not of the server that the options name", name, err)
		}
	}
}

func loopback(prefix string) plugin.Egress {
	return plugin.Egress{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix(prefix)}}
}

// Who is not who the options say is not spoken to; a server may demand as much.
func TestTLS(t *testing.T) {
	authority, other := certtest.NewAuthority(t), certtest.NewAuthority(t)
	its, ours, theirs := authority.Issue(t, "127.0.0.1", time.Hour), authority.Issue(t, "bellbuoy", time.Hour), other.Issue(t, "bellbuoy", time.Hour)
	named := authority.Issue(t, "nats.example.com", time.Hour)
	secure := func(pair certtest.Pair, auth tls.ClientAuthType) *server.Server {
		s := start(t, func(o *server.Options) {
			o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair.TLS(t)}, ClientCAs: authority.Pool, ClientAuth: auth}
			o.TLSTimeout = 10
		})
		own := ours.TLS(t)
		stream(t, streams(t, s, nats.Secure(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}})), nil)
		return s
	}
	asks, demands, elsewhere := secure(its, tls.NoClientCert), secure(its, tls.RequireAndVerifyClientCert), secure(named, tls.NoClientCert)
	for name, c := range map[string]struct {
		server  *server.Server
		scheme  string
		tls     map[string]any
		outcome plugin.Outcome
		error   string
	}{
		"its authority":             {asks, "tls", map[string]any{"ca": authority.PEM}, plugin.Delivered, ""},
		"its authority, by nats":    {asks, "nats", map[string]any{"ca": authority.PEM}, plugin.Delivered, ""},
		"the machine's authorities": {asks, "tls", nil, plugin.Retry, "its certificate is not accepted"},
		"they too, by nats":         {asks, "nats", nil, plugin.Retry, "its certificate is not accepted"},
		"another authority":         {asks, "tls", map[string]any{"ca": other.PEM}, plugin.Retry, "its certificate is not accepted"},
		"another name":              {elsewhere, "tls", map[string]any{"ca": authority.PEM}, plugin.Retry, "its certificate is not accepted"},
		"another name, as said":     {elsewhere, "tls", map[string]any{"ca": authority.PEM, "server_name": "nats.example.com"}, plugin.Delivered, ""},
		"our certificate":           {demands, "tls", map[string]any{"ca": authority.PEM, "cert": ours.Cert, "key": ours.Key}, plugin.Delivered, ""},
		"no certificate of ours":    {demands, "tls", map[string]any{"ca": authority.PEM}, plugin.Retry, "client certificate"},
		"another's certificate":     {demands, "tls", map[string]any{"ca": authority.PEM, "cert": theirs.Cert, "key": theirs.Key}, plugin.Retry, "client certificate"},
	} {
		more := map[string]any{}
		if c.tls != nil {
			more["tls"] = c.tls
		}
		d := push(t, at(t, c.scheme+"://"+c.server.Addr().String(), more))
		d.ID = name
		receipt, err := newSender(t).Send(t.Context(), d)
		if got := plugin.ReadVerdict(err).Outcome; got != c.outcome || receipt.Scope != plugin.ScopeMisconfigured && err != nil && !hungUp(err) {
			t.Errorf("%s: %s, scope %q: %v", name, got, receipt.Scope, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.error) {
			t.Errorf("%s: %v, want %q", name, err, c.error)
		}
	}
}

// hungUp says that the server was gone before its reason was read, which in TLS 1.3 comes
// after the handshake.
func hungUp(err error) bool {
	return strings.Contains(err.Error(), "it may want another client certificate")
}
