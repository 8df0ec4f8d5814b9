package webhook

import (
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

func TestContract(t *testing.T) {
	authority := certtest.NewAuthority(t)
	pair := authority.Issue(t, "bellbuoy", time.Hour)
	plugintest.Run(t, newSender(t), plugintest.Target{
		Options: `{"url":"{server}/hook","headers":{"Authorization":"Bearer t0ken-of-ci","X-Env":"production"},"secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","an older secret, of text"]}`,
		More: []string{`{"url":"{server}/hook?key=s3cret-key","method":"PUT"}`, `{"url":"https://ci.example.com"}`,
			`{"url":"{server}/hook","auth":{"bearer":"bearer-t0ken-of-ci"}}`,
			`{"url":"{server}/hook","auth":{"basic":{"user":"me","password":"passw0rd-of-me"}}}`,
			`{"url":"{server}/hook","auth":{"oauth2":{"token_url":"` + newTokens(t).URL + `/token","client_id":"bellbuoy","client_secret":"s3cret-of-the-client"}}}`,
			`{"url":"{server}/hook","tls":{"cert":` + quoted(pair.Cert) + `,"key":` + quoted(pair.Key) + `}}`,
		},
		Bad:     []string{`{"url":"ftp://ci.example.com"}`, `{"url":"http://169.254.169.254/"}`},
		Secrets: []string{"s3cret-key"},
	})
}
