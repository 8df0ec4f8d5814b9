package webhook

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, newSender(t), plugintest.Target{
		Options: `{"url":"{server}/hook","headers":{"Authorization":"Bearer t0ken-of-ci","X-Env":"production"}}`,
		More:    []string{`{"url":"{server}/hook?key=s3cret-key","method":"PUT"}`, `{"url":"https://ci.example.com"}`},
		Bad:     []string{`{"url":"ftp://ci.example.com"}`, `{"url":"http://169.254.169.254/"}`},
		Secrets: []string{"s3cret-key"},
	})
}
