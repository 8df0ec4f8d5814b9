package teams

import (
	"net/http"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"url":"{server}/workflows/0123/triggers/manual/paths/invoke?api-version=1&sig=` + sig + `"}`,
		Bad:     []string{`{"url":"teams"}`, `{"url":"http://169.254.169.254/x?sig=x"}`},
		Secrets: []string{sig},
		Accept:  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
	})
}
