package webhook

import (
	"encoding/base64"
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
	secrets []string

	bearer         string
	user, password string
	oauth          oauth

	tls    post.TLS
	proxy  *url.URL
	origin string

	hidden     http.Header // headers and Authorization
	mask       *post.Mask
	signers    []signer
	route      *post.Route // to url
	tokenRoute *post.Route // to the token's server
	consents   kept[struct{}]
}

// table is the options of a webhook.
func table() options.Table[target] {
	plain := func(to func(*target) *string, rules ...options.Rule) func(*target) options.Value {
		return func(t *target) options.Value {
			return options.Text(to(t), append([]options.Rule{options.Filled, options.Plain}, rules...)...)
		}
	}
	return options.Table[target]{
		Of:      "a webhook",
		Example: `{url: "https://..."}`,
		Fields: slices.Concat([]options.Field[target]{
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
			{
				Name:        "secrets",
				Description: "sign each request; whsec_ and base64, or any text. webhook-signature is made with all of them, X-Hub-Signature-256 with the first",
				Secret:      true,
				Into:        func(t *target) options.Value { return options.Texts(&t.secrets, 0, options.Filled, signingSecret) },
			},
			{
				Name: "auth.bearer", Description: "a token, sent as Authorization: Bearer", Secret: true,
				Into: plain(func(t *target) *string { return &t.bearer }),
			},
			{
				Name: "auth.basic.user", Description: "name of the user, by HTTP's basic authentication",
				Missing: "name the user",
				Into:    plain(func(t *target) *string { return &t.user }, noColon),
			},
			{
				Name: "auth.basic.password", Description: "of the user; may be empty", Secret: true,
				Missing: "give the password, or \"\" where there is none",
				Into:    func(t *target) options.Value { return options.Text(&t.password, options.Plain) },
			},
			{
				Name: "auth.oauth2.token_url", Description: "of the server that gives tokens for client credentials",
				Missing: "give the address of the token's server",
				Into:    func(t *target) options.Value { return options.URL(&t.oauth.url) },
			},
			{
				Name: "auth.oauth2.client_id", Description: "who asks for the token",
				Missing: "give the client's id",
				Into:    plain(func(t *target) *string { return &t.oauth.id }),
			},
			{
				Name: "auth.oauth2.client_secret", Description: "of the client", Secret: true,
				Missing: "give the client's secret",
				Into:    plain(func(t *target) *string { return &t.oauth.secret }),
			},
			{
				Name: "auth.oauth2.scopes", Description: "what the token is to be good for",
				Into: func(t *target) options.Value { return options.Texts(&t.oauth.scopes, 0, options.Filled, options.Plain) },
			},
		}, post.TLSOptions(func(t *target) *post.TLS { return &t.tls }), []options.Field[target]{
			{
				Name: "proxy", Description: "to connect through, instead of the one that the environment names; http, https or socks5",
				Into: func(t *target) options.Value { return options.URL(&t.proxy, "socks5", "https", "http") },
			},
			{
				Name: "cloudevents.origin", Description: "name of this sender, by which the target is asked for its consent before the first message, as CloudEvents' web hooks are",
				Into: plain(func(t *target) *string { return &t.origin }),
			},
		}),
		Groups: map[string]string{
			"auth":        "who is sending: one of bearer, basic and oauth2",
			"auth.basic":  "a user and a password, by HTTP's basic authentication",
			"auth.oauth2": "a token that is fetched by client credentials, and kept until it expires",
			"tls":         post.TLSGroup,
			"cloudevents": "for receivers that want to be asked before they are sent anything, as CloudEvents' web hooks do",
		},
		Check: (*target).finish,
	}
}

// finish derives from the options what is needed with each request.
func (t *target) finish() []plugin.Fault {
	faults := t.conflicts()
	t.hidden = make(http.Header, len(t.headers)+1)
	secrets := append(post.SecretsOf(t.url), t.tls.Secrets()...)
	for name, value := range t.headers {
		t.hidden[http.CanonicalHeaderKey(name)] = []string{value}
		secrets = append(secrets, value)
	}
	switch {
	case t.bearer != "":
		t.authorize("Bearer " + t.bearer)
	case t.user != "":
		t.authorize("Basic " + base64.StdEncoding.EncodeToString([]byte(t.user+":"+t.password)))
	case t.oauth.url != nil:
		t.authorize("") // for what is shown; the token is not here
		credentials := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(t.oauth.id) + ":" + url.QueryEscape(t.oauth.secret)))
		secrets = append(append(secrets, credentials), post.SecretsOf(t.oauth.url)...)
	}
	if t.proxy != nil {
		secrets = append(secrets, post.SecretsOf(t.proxy)...)
	}
	secrets = append(secrets, t.hidden.Get("Authorization"), t.password, t.oauth.secret)
	secrets = append(secrets, t.secrets...)
	for _, s := range t.secrets {
		t.signers = append(t.signers, newSigner(s))
		secrets = append(secrets, strings.TrimPrefix(s, secretPrefix))
	}
	t.mask = post.NewMask(secrets...)
	return faults
}

func (t *target) authorize(value string) { t.hidden["Authorization"] = []string{value} }

// conflicts are options that are right each by itself and not together.
func (t *target) conflicts() (faults []plugin.Fault) {
	ways := 0
	for _, there := range []bool{t.bearer != "", t.user != "", t.oauth.url != nil} {
		if there {
			ways++
		}
	}
	if ways > 1 {
		faults = append(faults, plugin.Fault{Path: "auth", Message: "has several ways, and a request has one; keep one of bearer, basic and oauth2"})
	}
	for name := range t.headers {
		switch key := http.CanonicalHeaderKey(name); {
		case key == "Authorization" && ways > 0:
			faults = append(faults, plugin.Fault{Path: "headers." + name, Message: "is set by auth too; remove one"})
		case key == hubSignature && len(t.secrets) > 0:
			faults = append(faults, plugin.Fault{Path: "headers." + name, Message: "is made of secrets; remove one"})
		}
	}
	if t.url.User != nil && ways > 0 {
		faults = append(faults, plugin.Fault{Path: "url", Message: "holds a user, and auth says who is sending too; remove one"})
	}
	if len(t.secrets) > maxSecrets {
		faults = append(faults, plugin.Fault{Path: "secrets", Message: "are more than a request can carry signatures of; keep at most 10, remove those that no receiver uses"})
	}
	if t.proxy != nil && t.proxy.Scheme == "https" && t.tls.ServerName != "" {
		faults = append(faults, plugin.Fault{Path: "tls.server_name", Message: "would be asked of the proxy too, which is reached by https; remove it, or use a proxy by http"})
	}
	return faults
}

// open reads the files that the options name and finds what a target that is restricted
// must not have.
func (t *target) open(e plugin.Egress) (faults []plugin.Fault) {
	if e.Restricted && t.proxy != nil {
		faults = append(faults, plugin.Fault{Path: "proxy", Message: "can be set only by a target of the config file; remove it"})
	}
	var found []plugin.Fault
	t.route, found = post.NewRoute(t.proxy, t.tls, e.Restricted)
	faults = append(faults, found...)
	if t.oauth.url != nil && !plugin.Failed(faults) {
		elsewhere := t.tls
		elsewhere.ServerName = ""
		t.tokenRoute, _ = post.NewRoute(t.proxy, elsewhere, e.Restricted)
	}
	return faults
}

func noColon(s string) string {
	if strings.Contains(s, ":") {
		return "holds a colon, which ends a user's name; remove it"
	}
	return ""
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
