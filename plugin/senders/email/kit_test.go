package email

import (
	"crypto/tls"
	"encoding/json"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
)

func TestContract(t *testing.T) {
	a := newAuthority(t)
	good, certPEM, keyPEM := a.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	r := (&relay{mechanisms: []string{"PLAIN"}, password: "s3cret-pass"}).start(t, &tls.Config{Certificates: []tls.Certificate{good}}, false)
	options, err := json.Marshal(r.options(map[string]any{"tls": "starttls", "ca": a.pem, "username": "bell", "password": r.password, "cert": certPEM, "key": keyPEM}))
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Run(t, New("1.2.3"), plugintest.Target{
		Options: string(options),
		Bad: []string{
			`{"host":"169.254.169.254","from":"a@example.com","to":["b@example.com"]}`,
			`{"host":"h","from":"a@example.com","to":["b@example.com\r\nBcc: c@example.com"]}`,
			`{"host":"h","tls":"none","username":"u","password":"long-enough","from":"a@example.com","to":["b@example.com"]}`,
		},
		Takes: true,
	})
}
