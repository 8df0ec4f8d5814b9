package kafka

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// The ways to log in.
const (
	plainMechanism = "plain"
	scram256       = "scram-sha-256"
	scram512       = "scram-sha-512"
)

// target is a target's options, read.
type target struct {
	brokers []string // with their ports
	topic   string

	overTLS bool
	tls     post.TLS

	mechanism, username, password string
	compression                   string

	route *post.Route
	mask  *post.Mask
}

// table is the options of a kafka target.
func table() options.Table[target] {
	text := func(to func(*target) *string, rules ...options.Rule) func(*target) options.Value {
		return func(t *target) options.Value {
			return options.Text(to(t), append([]options.Rule{options.Filled}, rules...)...)
		}
	}
	return options.Table[target]{
		Of:      "a kafka target",
		Example: `{brokers: ["kafka.example.com:9092"], topic: registry-events}`,
		Fields: slices.Concat([]options.Field[target]{
			{
				Name: "brokers", Description: "some brokers of the cluster, which name the others; host or host:port, 9092 where there is none",
				Missing: "name the brokers to ask first, as [kafka.example.com:9092]",
				Into:    func(t *target) options.Value { return options.Texts(&t.brokers, 1, isBroker) },
			},
			{
				Name: "topic", Description: "to write to",
				Missing: "name the topic to write to",
				Into:    text(func(t *target) *string { return &t.topic }, isTopic),
			},
			{
				Name: "tls.enabled", Description: "speak TLS; true where another option of tls is set",
				Into: func(t *target) options.Value { return options.Bool(&t.overTLS) },
			},
		}, post.TLSOptions(func(t *target) *post.TLS { return &t.tls }), []options.Field[target]{
			{
				Name: "sasl.mechanism", Description: "how to log in",
				Into: func(t *target) options.Value {
					return options.OneOf(&t.mechanism, scram512, scram256, plainMechanism)
				},
			},
			{
				Name: "sasl.username", Description: "who logs in",
				Missing: "name the user who logs in",
				Into:    text(func(t *target) *string { return &t.username }, options.Plain),
			},
			{
				Name: "sasl.password", Description: "of the user", Secret: true,
				Missing: "give the user's password",
				Into:    text(func(t *target) *string { return &t.password }, options.Plain),
			},
			{
				Name: "compression", Description: "of what is written",
				Into: func(t *target) options.Value {
					return options.OneOf(&t.compression, "none", "gzip", "snappy", "lz4", "zstd")
				},
			},
		}),
		Groups: map[string]string{
			"tls":  post.TLSGroup,
			"sasl": "a user and a password",
		},
		Check: (*target).finish,
	}
}

// isBroker is an [options.Rule] for host or host:port.
func isBroker(s string) string {
	host, port, err := net.SplitHostPort(withPort(s))
	if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || n < 1 || n > 65535 {
		return "is no broker; write it as kafka.example.com:9092, without a scheme"
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if egress.Denied(a) {
			return "names " + a.String() + ", which is link-local or a cloud's metadata service and never a target; name another host"
		}
		return ""
	}
	if name, err := idna.Lookup.ToASCII(host); err != nil || name == "" {
		return "is no broker; write it as kafka.example.com:9092, without a scheme"
	}
	return ""
}

// withPort is a broker as it is dialled.
func withPort(s string) string {
	if _, _, err := net.SplitHostPort(s); err == nil {
		return s
	}
	return net.JoinHostPort(strings.Trim(s, "[]"), "9092")
}

// isTopic is an [options.Rule] for what Kafka lets a topic be called.
func isTopic(s string) string {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return "is no topic's name; use letters, digits, dots, dashes and underscores"
		}
	}
	if s == "." || s == ".." || len(s) > 249 {
		return "is no topic's name; use at most 249 characters, and not dots alone"
	}
	return ""
}

// finish derives from the options what is needed with each record.
func (t *target) finish() (faults []plugin.Fault) {
	for i, b := range t.brokers {
		t.brokers[i] = withPort(b)
	}
	t.overTLS = t.overTLS || t.tls != post.TLS{}
	if t.username == "" {
		t.mechanism = ""
	}
	if t.mechanism == plainMechanism && !t.overTLS {
		faults = append(faults, plugin.Fault{
			Path: "sasl.mechanism", Warning: true,
			Message: "plain shows the password to the network where there is no TLS; set tls, or use scram-sha-512",
		})
	}
	t.mask = post.NewMask(append(t.tls.Secrets(), t.password)...)
	return faults
}

// open sees that e lets the brokers be asked, and reads the files that t names.
func (t *target) open(e plugin.Egress) (faults []plugin.Fault) {
	guard := egress.Guard{Egress: e}
	for i, b := range t.brokers {
		host, _, _ := net.SplitHostPort(b) // isBroker has let it through
		if a, ok := egress.Literal(host); ok {
			if why := guard.Refuses(a); why != "" {
				faults = append(faults, plugin.Fault{Path: "brokers." + strconv.Itoa(i), Message: "names " + a.String() + ", " + why + "; name another host"})
			}
		}
	}
	var found []plugin.Fault
	t.route, found = post.NewRoute(nil, t.tls, e.Restricted)
	return append(faults, found...)
}
