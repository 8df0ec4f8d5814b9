package dingtalk

import (
	"io"
	"net/http"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"url":"{server}/robot/send?access_token=0123456789abcdef","secret":"SEC0123456789abcdef"}`,
		More:    []string{`{"url":"{server}/robot/send?access_token=0123456789abcdef"}`},
		Bad:     []string{`{"url":"https://oapi.dingtalk.com/robot/send"}`, `{"url":"http://169.254.169.254/?access_token=x"}`},
		Secrets: []string{"0123456789abcdef"},
		Accept:  accept,
	})
}

// accept answers as DingTalk does.
func accept(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
}
