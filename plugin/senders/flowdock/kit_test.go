package flowdock

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"flow_api_token":"t0kent0kent0ken","base_url":"{server}"}`,
		More:    []string{`{"flow_api_token":"t0kent0kent0ken","from_address":"bells@example.com"}`},
		Bad:     []string{`{"flow_api_token":"x","from_address":"nobody"}`, `{"flow_api_token":"x","base_url":"http://169.254.169.254/"}`},
	})
}
