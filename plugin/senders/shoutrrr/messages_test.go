package shoutrrr

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What is told where no template says otherwise, as Gotify gets it.
func TestDefaultMessages(t *testing.T) {
	chattest.Golden(t, New, map[string]any{"url": "gotify://gotify.example.com/AbCdEfGhIjKlMnO"})
}
