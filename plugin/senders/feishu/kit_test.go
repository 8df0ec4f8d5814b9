package feishu

import (
	"io"
	"net/http"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"url":"{server}/open-apis/bot/v2/hook/0123456789abcdef","secret":"fedcba9876543210"}`,
		More:    []string{`{"url":"{server}/open-apis/bot/v2/hook/0123456789abcdef"}`},
		Bad:     []string{`{"url":"https://open.feishu.cn/open-apis/bot/v2/hook/"}`, `{"url":"http://169.254.169.254/open-apis/bot/v2/hook/x"}`},
		Secrets: []string{"0123456789abcdef", "fedcba9876543210"},
		Accept: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`)
		},
	})
}
