package amqp

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding/bindingtest"
)

func TestContract(t *testing.T) {
	b := running(t)
	b.queue(t, "events", nil)
	pair := b.authority.Issue(t, "bellbuoy", time.Hour)
	cert, err := json.Marshal(pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Run(t, newSender(t), plugintest.Target{
		Options: at(t, "amqp://"+b.addr, map[string]any{"auth": map[string]any{"user": "bellbuoy", "password": "passw0rd-of-it"}}),
		More: []string{
			at(t, b.url("%2F"), nil),
			at(t, "amqp://"+b.addr, map[string]any{"exchange": nil}),
			at(t, "amqps://bellbuoy:passw0rd-of-it@"+b.tlsAddr, map[string]any{"tls": map[string]any{"ca": b.authority.PEM, "cert": pair.Cert, "key": pair.Key}}),
		},
		Bad: []string{
			`{"url":"http://rabbit.example.com","exchange":"a"}`, `{"url":"amqp://169.254.169.254","exchange":"a"}`,
			`{"url":"amqp://host/a/b","exchange":"a"}`, `{"url":"amqp://host?cacertfile=/etc/passwd","exchange":"a"}`,
			`{"url":"amqp://host"}`, `{"url":"amqp://host","exchange":""}`, `{"url":"amqp://host","exchange":"a\r\nb"}`,
			`{"url":"amqp://host","auth":{"user":"me"},"exchange":"a"}`, `{"url":"amqp://me@host","auth":{"user":"me","password":"passw0rd"},"exchange":"a"}`,
			`{"url":"amqp://host","exchange":"a","tls":{"server_name":"other"}}`, `{"url":"amqps://host","exchange":"a","tls":{"cert":` + string(cert) + `}}`,
		},
		Secrets: []string{"passw0rd-of-it"},
		Takes:   true,
	})
}

func TestMessages(t *testing.T) {
	bindingtest.Golden(t, newSender(t), at(t, "amqps://bellbuoy:passw0rd@rabbit.example.com/registry", nil))
}

func TestHostileNames(t *testing.T) {
	bindingtest.Hostile(t, newSender(t), at(t, "amqp://rabbit.example.com", nil))
}
