package discord

import (
	"io"
	"net/http"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"url":"{server}/api/webhooks/1234567890/` + token + `"}`,
		Bad:     []string{`{"url":"https://discord.com/api/webhooks/1234567890"}`, `{"url":"http://169.254.169.254/api/webhooks/1/x"}`},
		Secrets: []string{token},
		Accept:  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"1"}`) },
	})
}
