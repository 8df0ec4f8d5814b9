package feishu

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What is told where no template says otherwise.
func TestDefaultMessages(t *testing.T) {
	chattest.Golden(t, New, map[string]any{"url": "https://open.feishu.cn/open-apis/bot/v2/hook/0123456789abcdef"})
}
