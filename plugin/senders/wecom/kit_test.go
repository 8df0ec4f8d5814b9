package wecom

import (
	"io"
	"net/http"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, chattest.New(t, New), plugintest.Target{
		Options: `{"url":"{server}/cgi-bin/webhook/send?key=693a91f6-7001-4bc4-97a0-0ec2sifa5aaa"}`,
		Bad:     []string{`{"url":"https://qyapi.weixin.qq.com/cgi-bin/webhook/send"}`, `{"url":"http://169.254.169.254/?key=x"}`},
		Secrets: []string{"693a91f6-7001-4bc4-97a0-0ec2sifa5aaa"},
		Accept: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
		},
	})
}
