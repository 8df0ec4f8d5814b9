package amqp

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

// A broker that ends while we log in does as one that knows nobody of our name.
func TestBrokerEndsAtTheLogin(t *testing.T) {
	b := running(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- greetAndEnd(l, b.addr) }()
	receipt, err := newSender(t).Send(t.Context(), push(t, at(t, "amqp://bellbuoy:passw0rd-of-it@"+l.Addr().String(), nil)))
	if plugin.ReadVerdict(err).Outcome != plugin.Retry || receipt.Scope != "" || err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("scope %q: %v", receipt.Scope, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// greetAndEnd greets one client as the broker at addr does, and is gone when it says who it is.
func greetAndEnd(l net.Listener, addr string) error {
	client, err := l.Accept()
	if err != nil {
		return err
	}
	defer client.Close()
	_ = l.Close()
	broker, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer broker.Close()
	if _, err := io.CopyN(broker, client, 8); err != nil { // AMQP 0 0 9 1
		return err
	}
	frame := make([]byte, 7) // type, channel, size
	if _, err := io.ReadFull(broker, frame); err != nil {
		return err
	}
	if _, err := client.Write(frame); err != nil {
		return err
	}
	if _, err := io.CopyN(client, broker, int64(binary.BigEndian.Uint32(frame[3:]))+1); err != nil {
		return err
	}
	_, err = client.Read(frame)
	return err
}

// Who is not who the options say is not spoken to; the broker demands as much.
func TestTLS(t *testing.T) {
	b := running(t)
	b.queue(t, "events", nil)
	other := certtest.NewAuthority(t)
	ours, theirs := b.authority.Issue(t, "bellbuoy", time.Hour), other.Issue(t, "bellbuoy", time.Hour)
	for name, c := range map[string]struct {
		tls     map[string]any
		outcome plugin.Outcome
		error   string
	}{
		"our certificate":           {map[string]any{"ca": b.authority.PEM, "cert": ours.Cert, "key": ours.Key}, plugin.Delivered, ""},
		"the machine's authorities": {map[string]any{"cert": ours.Cert, "key": ours.Key}, plugin.Retry, "its certificate is not accepted"},
		"another authority":         {map[string]any{"ca": other.PEM, "cert": ours.Cert, "key": ours.Key}, plugin.Retry, "its certificate is not accepted"},
		"another name":              {map[string]any{"ca": b.authority.PEM, "server_name": "rabbit.example.com"}, plugin.Retry, "its certificate is not accepted"},
		"no certificate of ours":    {map[string]any{"ca": b.authority.PEM}, plugin.Retry, "client certificate"},
		"another's certificate":     {map[string]any{"ca": b.authority.PEM, "cert": theirs.Cert, "key": theirs.Key}, plugin.Retry, "client certificate"},
	} {
		d := push(t, at(t, "amqps://bellbuoy:passw0rd-of-it@"+b.tlsAddr, map[string]any{"tls": c.tls}))
		receipt, err := newSender(t).Send(t.Context(), d)
		if got := plugin.ReadVerdict(err).Outcome; got != c.outcome || receipt.Scope != plugin.ScopeMisconfigured && err != nil && !hungUp(err) {
			t.Errorf("%s: %s, scope %q: %v", name, got, receipt.Scope, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.error) {
			t.Errorf("%s: %v, want %q", name, err, c.error)
		}
	}
}

// hungUp says that the broker was gone before its reason was read, which in TLS 1.3 comes
// after the handshake.
func hungUp(err error) bool {
	return strings.Contains(err.Error(), "it may want another client certificate")
}
