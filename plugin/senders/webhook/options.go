package webhook

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// target is a target's options, read.
type target struct {
	url     *url.URL
	method  string
	headers map[string]string

	hidden http.Header // headers
	mask   *post.Mask
}

// table is the options of a webhook.
func table() options.Table[target] {
	return options.Table[target]{
		Of:      "a webhook",
		Example: `{url: "https://..."}`,
		Fields: []options.Field[target]{
			{
				Name: "url", Description: "where to send; http or https",
				Missing: "give the address to send to, as https://host/path",
				Into:    func(t *target) options.Value { return options.URL(&t.url) },
			},
			{
				Name: "method", Description: "of the request",
				Into: func(t *target) options.Value { return options.OneOf(&t.method, http.MethodPost, http.MethodPut) },
			},
			{
				Name:        "headers",
				Description: "sent with each request, Authorization too; not Host, nor what belongs to the connection, nor webhook-*",
				Secret:      true,
				Into:        func(t *target) options.Value { return options.Map(&t.headers, headerNames(), options.Plain) },
			},
		},
		Check: (*target).finish,
	}
}

// finish derives from the options what is needed with each request.
func (t *target) finish() []plugin.Fault {
	t.hidden = make(http.Header, len(t.headers))
	secrets := post.SecretsOf(t.url)
	for name, value := range t.headers {
		t.hidden[http.CanonicalHeaderKey(name)] = []string{value}
		secrets = append(secrets, value)
	}
	t.mask = post.NewMask(secrets...)
	return nil
}

func headerNames() options.Names {
	return options.Names{Example: "X-Token", Rule: headerName, Same: http.CanonicalHeaderKey}
}

// headerName says what is wrong with the name of a header that a target sets.
func headerName(name string) string {
	switch key := http.CanonicalHeaderKey(name); {
	case !isToken(name):
		return "is not a header's name; use letters, digits and dashes"
	case slices.Contains(connection(), key):
		return "belongs to the connection and cannot be set; remove it"
	case strings.HasPrefix(key, "Webhook-"):
		return "is bellbuoy's own and cannot be set; remove it or choose another name"
	}
	return ""
}

// connection are the headers of a message's framing or of one connection of its way.
func connection() []string {
	return []string{
		"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
		"Proxy-Authorization", "Proxy-Authenticate", "Te", "Trailer", "Upgrade", "Expect",
	}
}

func isToken(name string) bool {
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return name != ""
}
