package shoutrrr

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"url":"generic+{server}/hooks/T0AB12CD3?template=json&@authorization=Bearer+opensesame&$team=platform"}`,
		Bad:     []string{`{"url":"generic://169.254.169.254/x"}`, `{"url":"logger://"}`, `{"url":"/etc/passwd"}`, `{"url":"file:///etc/passwd"}`},
		Secrets: []string{"T0AB12CD3", "opensesame"},
	})
}
