package slack

import (
	"io"
	"net/http"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"url":"{server}/services/T0AB12CD3/B0AB12CD3/abcdefghijklmnopqrstuvwx"}`,
		Bad:     []string{`{"url":"https://hooks.slack.com"}`, `{"url":"http://169.254.169.254/x"}`},
		Secrets: []string{"T0AB12CD3", "B0AB12CD3", "abcdefghijklmnopqrstuvwx"},
		Accept:  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") },
	})
}
