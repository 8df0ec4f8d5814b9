package hipchat

import (
	"net/http"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"room_id":42,"notification_token":"t0kent0kent0ken","base_url":"{server}"}`,
		More:    []string{`{"room_id":"ops","notification_token":"t0kent0kent0ken"}`},
		Bad:     []string{`{"room_id":"","notification_token":"x"}`, `{"room_id":1,"notification_token":"x","base_url":"http://169.254.169.254/"}`},
		Accept:  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	})
}
