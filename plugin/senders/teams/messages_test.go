package teams

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What is told where no template says otherwise.
func TestDefaultMessages(t *testing.T) {
	chattest.Golden(t, New, target("https://default0123.45.environment.api.powerplatform.com"))
}
