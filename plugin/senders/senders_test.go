package senders

import (
	"encoding/json"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Every sender keeps a restricted target from this machine, by a name, which only the dial
// can judge.
func TestEveryTypeIsGuarded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var hits atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			_ = conn.Close()
		}
	}()
	defer func() { _ = l.Close(); <-done }()
	_, port, _ := net.SplitHostPort(l.Addr().String())

	// The options of a target at HOST:PORT, by type; "" for those that connect to nothing.
	options := map[string]string{
		"dingtalk": `{"url":"http://HOST:PORT/robot/send?access_token=t0ken"}`,
		"discord":  `{"url":"http://HOST:PORT/api/webhooks/1/t0ken"}`,
		"email":    `{"host":"HOST","port":PORT,"tls":"none","from":"a@example.com","to":["b@example.com"]}`,
		"exec":     "",
		"feishu":   `{"url":"http://HOST:PORT/open-apis/bot/v2/hook/t0ken"}`,
		"flowdock": `{"flow_api_token":"0123456789abcdef","base_url":"http://HOST:PORT"}`,
		"hipchat":  `{"room_id":42,"notification_token":"t0ken","base_url":"http://HOST:PORT"}`,
		"inbox":    "",
		"shoutrrr": `{"url":"gotify://HOST:PORT/AbCdEfGhIjKlMnO?disabletls=yes"}`,
		"slack":    `{"url":"http://HOST:PORT/services/x"}`,
		"teams":    `{"url":"http://HOST:PORT/workflows/x?sig=t0ken"}`,
		"webhook":  `{"url":"http://HOST:PORT/hook"}`,
		"wecom":    `{"url":"http://HOST:PORT/cgi-bin/webhook/send?key=t0ken"}`,
	}
	encoded, err := json.Marshal(event.Sample(event.ArtifactPushed))
	if err != nil {
		t.Fatal(err)
	}
	for name, construct := range Builtin() {
		with, known := options[name]
		if !known {
			t.Errorf("no options of a %s target are here: add some", name)
		}
		if with == "" {
			continue
		}
		send := func(host string, e plugin.Egress) (plugin.Receipt, error) {
			raw := strings.NewReplacer("HOST", host, "PORT", port).Replace(with)
			s := construct("1")
			faults, err := s.Check(t.Context(), plugin.Check{Options: json.RawMessage(raw)})
			if len(faults) > 0 || err != nil {
				t.Fatalf("%s: %s: %v, %v", name, raw, faults, err)
			}
			return s.Send(t.Context(), plugin.Delivery{ID: "d-1", Attempt: 1, Target: "ops", Type: name, Options: json.RawMessage(raw), Event: encoded, Egress: e})
		}
		before := hits.Load()
		if _, err := send("localhost", plugin.Egress{}); err == nil || hits.Load() == before {
			t.Errorf("%s: nothing was there to be reached: %v", name, err)
		}
		before = hits.Load()
		receipt, err := send("localhost", plugin.Egress{Restricted: true})
		if err == nil || hits.Load() != before || receipt.Scope != plugin.ScopeMisconfigured || plugin.ReadVerdict(err).Outcome != plugin.Retry || !strings.Contains(err.Error(), "egress denied") {
			t.Errorf("%s, restricted: %d hits, %q, %v", name, hits.Load()-before, receipt.Scope, err)
		}
	}
}
