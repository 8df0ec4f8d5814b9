package amqp

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// target is a target's options, read.
type target struct {
	url           *url.URL
	exchange, key string
	user          string
	password      string
	tls           post.TLS

	vhost string
	mask  *post.Mask
	route *post.Route
}

// table is the options of an AMQP target.
func table() options.Table[target] {
	text := func(to func(*target) *string, rules ...options.Rule) func(*target) options.Value {
		return func(t *target) options.Value {
			return options.Text(to(t), append([]options.Rule{options.Filled, options.Plain}, rules...)...)
		}
	}
	return options.Table[target]{
		Of:      "an amqp target",
		Example: `{url: "amqp://host:5672", exchange: registry}`,
		Fields: slices.Concat([]options.Field[target]{
			{
				Name: "url", Description: "of the broker: amqps, or amqp without TLS; its path is the virtual host, percent-encoded, / where there is none",
				Missing: "give the address of the broker, as amqps://host/vhost",
				Into:    func(t *target) options.Value { return options.URL(&t.url, "amqps", "amqp") },
			},
			{
				Name: "exchange", Description: "to publish to; left out: the broker's own, which leads to the queue that routing_key names",
				Into: text(func(t *target) *string { return &t.exchange }, isShort),
			},
			{
				Name: "routing_key", Description: "of the messages; left out: none",
				Into: text(func(t *target) *string { return &t.key }, isShort),
			},
			{
				Name: "auth.user", Description: "name of the user, where it is not in the URL",
				Missing: "name the user",
				Into:    text(func(t *target) *string { return &t.user }),
			},
			{
				Name: "auth.password", Description: "of the user", Secret: true,
				Missing: "give the password",
				Into:    text(func(t *target) *string { return &t.password }),
			},
		}, post.TLSOptions(func(t *target) *post.TLS { return &t.tls })),
		Groups: map[string]string{
			"auth": "who is sending; it may stand in the URL instead, and is guest where nobody says",
			"tls":  post.TLSGroup,
		},
		Check: (*target).finish,
	}
}

// isShort is an [options.Rule] for what AMQP has a byte for the length of.
func isShort(s string) string {
	if len(s) > 255 {
		return "is longer than 255 bytes; choose a shorter one"
	}
	return ""
}

// finish derives from the options what is needed with each connection.
func (t *target) finish() (faults []plugin.Fault) {
	fault := func(path, message string) { faults = append(faults, plugin.Fault{Path: path, Message: message}) }
	if t.exchange == "" && t.key == "" {
		fault("exchange", "is missing; give the exchange to publish to, or as routing_key the name of a queue")
	}
	t.vhost = strings.TrimPrefix(t.url.Path, "/")
	switch {
	case strings.Contains(strings.TrimPrefix(t.url.EscapedPath(), "/"), "/"):
		fault("url", "names a virtual host with a slash; write that as %2F")
	case len(t.vhost) > 255:
		fault("url", "names a virtual host that is longer than 255 bytes")
	case t.vhost == "":
		t.vhost = "/"
	}
	if t.url.RawQuery != "" {
		fault("url", "has settings behind a question mark, which are not read; remove them, and use tls and auth")
	}
	if t.tls != (post.TLS{}) && t.url.Scheme != "amqps" {
		fault("tls", "has no use without TLS; write the url as amqps://")
	}
	switch u := t.url.User; {
	case u != nil && t.user != "":
		fault("url", "holds a user, and auth says who is sending too; remove one")
	case u != nil:
		t.user = u.Username()
		t.password, _ = u.Password()
	case t.user == "":
		t.user, t.password = "guest", "guest"
		t.mask = post.NewMask(t.tls.Secrets()...) // that password is no secret
		return faults
	}
	t.mask = post.NewMask(append(t.tls.Secrets(), t.password)...)
	return faults
}

// open reads the files that t names, where e lets it.
func (t *target) open(e plugin.Egress) (faults []plugin.Fault) {
	t.route, faults = post.NewRoute(nil, t.tls, e.Restricted)
	return faults
}

// address is where the broker is.
func (t *target) address() string {
	port := t.url.Port()
	switch {
	case port != "":
	case t.url.Scheme == "amqps":
		port = "5671"
	default:
		port = "5672"
	}
	return net.JoinHostPort(t.url.Hostname(), port)
}
