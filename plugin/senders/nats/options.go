package nats

import (
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// target is a target's options, read.
type target struct {
	url     *url.URL
	subject string

	user, password, token, seed, credentials string
	inbox                                    string
	tls                                      post.TLS

	login nats.Option // nil: nobody
	mask  *post.Mask
	route *post.Route
	// others are the servers of the cluster that the last one named.
	others atomic.Pointer[[]string]
}

// table is the options of a NATS target.
func table() options.Table[target] {
	text := func(to func(*target) *string, rules ...options.Rule) func(*target) options.Value {
		return func(t *target) options.Value {
			return options.Text(to(t), append([]options.Rule{options.Filled, options.Plain}, rules...)...)
		}
	}
	return options.Table[target]{
		Of:      "a nats target",
		Example: `{url: "nats://host:4222", subject: registry.events}`,
		Fields: slices.Concat([]options.Field[target]{
			{
				Name: "url", Description: "of a server of NATS: nats, or tls where it must not be without TLS; the port is 4222 where it names none",
				Missing: "give the address of the server, as nats://host:4222",
				Into:    func(t *target) options.Value { return options.URL(&t.url, "tls", "nats") },
			},
			{
				Name: "subject", Description: "to publish to; a stream of JetStream must take it",
				Missing: "give the subject to publish to, as registry.events",
				Into:    text(func(t *target) *string { return &t.subject }, isSubject),
			},
			{
				Name: "auth.user", Description: "name of the user",
				Into: text(func(t *target) *string { return &t.user }),
			},
			{
				Name: "auth.password", Description: "of the user", Secret: true,
				Into: text(func(t *target) *string { return &t.password }),
			},
			{
				Name: "auth.token", Description: "a token that the server knows", Secret: true,
				Into: text(func(t *target) *string { return &t.token }),
			},
			{
				Name: "auth.nkey", Description: "seed of a user's nkey, SU...", Secret: true,
				Into: text(func(t *target) *string { return &t.seed }, isSeed),
			},
			{
				Name: "auth.credentials", Description: "what is in a user's .creds file: a JWT and a seed", Secret: true,
				Into: func(t *target) options.Value {
					return options.Text(&t.credentials, options.Filled, isCredentials)
				},
			},
			{
				Name: "inbox_prefix", Description: "of the subjects that answers come by, where the user may not subscribe to _INBOX.>",
				Into: text(func(t *target) *string { return &t.inbox }, isPrefix),
			},
		}, post.TLSOptions(func(t *target) *post.TLS { return &t.tls })),
		Groups: map[string]string{
			"auth": "who is sending: user and password, or one of the others; a user may stand in the URL too",
			"tls":  post.TLSGroup,
		},
		Check: (*target).finish,
	}
}

// isSubject is an [options.Rule] for what can be published to.
func isSubject(s string) string {
	switch {
	case strings.ContainsAny(s, " \t"):
		return "holds a blank, and a subject has none; remove it"
	case strings.ContainsAny(s, "*>"):
		return "holds a wildcard, * or >, which is for those who subscribe; name one subject"
	case slices.Contains(strings.Split(s, "."), ""):
		return "has an empty part between its dots; write it as registry.events"
	case strings.HasPrefix(s, "$"), strings.HasPrefix(s, "_INBOX."):
		return "is of the server's own, which begin with $ or _INBOX; choose another"
	case len(s) > 1024:
		return "is longer than 1024 bytes; choose a shorter one"
	}
	return ""
}

// isPrefix is an [options.Rule] for what inboxes begin with.
func isPrefix(s string) string {
	if strings.ContainsAny(s, " \t*>") || slices.Contains(strings.Split(s, "."), "") {
		return "is no subject; write it without wildcards and without a dot at its end, as _INBOX_bellbuoy"
	}
	return ""
}

// isSeed is an [options.Rule] for a user's nkey.
func isSeed(s string) string {
	prefix, _, err := nkeys.DecodeSeed([]byte(s))
	if err != nil || prefix != nkeys.PrefixByteUser {
		return "is not the seed of a user's nkey; it begins with SU"
	}
	return ""
}

// isCredentials is an [options.Rule] for a file of credentials.
func isCredentials(s string) string {
	_, err := nkeys.ParseDecoratedJWT([]byte(s))
	if err == nil {
		_, err = nkeys.ParseDecoratedUserNKey([]byte(s))
	}
	if err != nil {
		return "are not what is in a .creds file, with a JWT and a user's seed between their lines of dashes; write {file: PATH}"
	}
	return ""
}

// finish derives from the options what is needed with each connection.
func (t *target) finish() (faults []plugin.Fault) {
	fault := func(path, message string) { faults = append(faults, plugin.Fault{Path: path, Message: message}) }
	if t.url.Path != "" && t.url.Path != "/" || t.url.RawQuery != "" {
		fault("url", "names more than a server; write it as nats://host:4222")
	}
	if (t.user == "") != (t.password == "") {
		fault("auth.user", "goes with a password and a password with a user; give both or none")
	}
	ways := 0
	for _, there := range []bool{t.url.User != nil, t.user != "" || t.password != "", t.token != "", t.seed != "", t.credentials != ""} {
		if there {
			ways++
		}
	}
	if ways > 1 {
		fault("auth", "says in several ways who is sending, of which the URL is one; keep one")
	}
	if u := t.url.User; u != nil {
		var named bool
		if t.password, named = u.Password(); named {
			t.user = u.Username()
		} else { // as NATS has it
			t.token = u.Username()
		}
	}
	t.mask = post.NewMask(append(t.tls.Secrets(), t.password, t.token, t.seed)...)
	t.login = t.way()
	return faults
}

// way is how the target logs in.
func (t *target) way() nats.Option {
	switch {
	case t.user != "":
		return nats.UserInfo(t.user, t.password)
	case t.token != "":
		return nats.Token(t.token)
	case t.seed != "":
		return nkey(t.seed)
	case t.credentials != "":
		return nats.UserCredentialBytes([]byte(t.credentials))
	}
	return nil
}

// nkey logs in by a seed that was found good.
func nkey(seed string) nats.Option {
	return func(o *nats.Options) error {
		pair, err := nkeys.FromSeed([]byte(seed))
		if err != nil {
			return err
		}
		public, err := pair.PublicKey()
		if err != nil {
			return err
		}
		return nats.Nkey(public, pair.Sign)(o)
	}
}

// open reads the files that t names, where e lets it.
func (t *target) open(e plugin.Egress) (faults []plugin.Fault) {
	t.route, faults = post.NewRoute(nil, t.tls, e.Restricted)
	return faults
}

// server is where the target is, without the user.
func (t *target) server() *url.URL {
	u := &url.URL{Scheme: t.url.Scheme, Host: t.url.Host}
	if u.Port() == "" {
		u.Host += ":4222"
	}
	return u
}
