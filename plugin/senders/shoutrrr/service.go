package shoutrrr

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// service is a target's options, read.
type service struct {
	raw  string
	url  *url.URL
	name string // of the service, as the library has it

	mask *post.Mask // what in the URL looks like a secret
	all  *post.Mask // all that is in it, for the library's errors
}

func table() options.Table[service] {
	return options.Table[service]{
		Of:      "a shoutrrr target",
		Example: `{url: "ntfy://ntfy.example.com/topic"}`,
		Fields: []options.Field[service]{{
			Name: "url", Description: "the service's URL, as shoutrrr has it, which is a secret as a whole", Secret: true,
			Missing: "give the URL of one service, as ntfy://ntfy.example.com/topic",
			Into:    func(t *service) options.Value { return options.Text(&t.raw, options.Filled, options.Plain) },
		}},
		Check: (*service).finish,
	}
}

// library finds services. It keeps nothing.
func library() *router.ServiceRouter { return &router.ServiceRouter{} }

// elsewhere are the services that are not used, and what to do instead.
func elsewhere() map[string]string {
	return map[string]string{
		"discord": `bellbuoy sends to Discord by itself, without the library's own repeats: write "type: discord"`,
		"smtp":    `bellbuoy sends mail by itself, and guards its connections: write "type: email"`,
		"logger":  "it writes to a log of its own, and sends nothing: name another service",
	}
}

// better are the types that send to a service with more care than the library.
func better() map[string]string {
	return map[string]string{"slack": "slack", "teams": "teams", "lark": "feishu", "wecom": "wecom"}
}

// finish finds what is wrong with the URL.
func (t *service) finish() []plugin.Fault {
	fault := func(format string, args ...any) []plugin.Fault {
		return []plugin.Fault{{Path: "url", Message: fmt.Sprintf(format, args...)}}
	}
	u, err := url.Parse(t.raw)
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return fault("is no URL of a service; write it as SERVICE://..., with other characters percent-encoded")
	}
	t.url = u
	t.name, _, _ = strings.Cut(u.Scheme, "+")
	known := library().ListServices()
	slices.Sort(known)
	if instead := elsewhere()[t.name]; instead != "" {
		return fault("names a service that is not used: %s", instead)
	}
	if !slices.Contains(known, t.name) {
		known = slices.DeleteFunc(known, func(name string) bool { return elsewhere()[name] != "" })
		return fault("names no service that there is; it begins with one of %s, and ://", strings.Join(known, ", "))
	}
	if u.Fragment != "" {
		return fault("has a #, which ends it; write %%23")
	}
	t.mask, t.all = masks(u)
	if what := t.unfit(); what != "" {
		return fault("%s", what)
	}
	if _, err := t.open(); err != nil {
		return fault("is not as the service %s has it: %s", t.name, t.hide(err))
	}
	if own := better()[t.name]; own != "" {
		return []plugin.Fault{{Warning: true, Path: "url", Message: fmt.Sprintf(`names a service that has a type of its own, which shows more and knows its answers: write "type: %s"`, own)}}
	}
	return nil
}

// receivers are the keys that may name several receivers, of services that are asked for each.
func receivers() map[string][]string {
	return map[string][]string{"telegram": {"chats", "channels"}, "matrix": {"rooms", "room"}, "ifttt": {"events"}}
}

// unfit says what the library would do and this sender does not.
func (t *service) unfit() string {
	for key, values := range t.url.Query() {
		key = strings.ToLower(key)
		switch {
		case key == "disabletlsverification" || key == "insecureskipverify":
			return fmt.Sprintf("has %s, and certificates are always verified: remove it, and name your own authority to bellbuoy by SSL_CERT_FILE", key)
		case key == "parsemode":
			return "has parsemode, and messages are plain text: remove it"
		case slices.Contains(receivers()[t.name], key) && strings.Contains(values[0], ","):
			return fmt.Sprintf("names several %s: write a target for each, so that what fails for one is not repeated for all", key)
		}
	}
	switch t.name {
	case "pushbullet":
		if strings.Contains(strings.Trim(t.url.Path, "/"), "/") {
			return "names several targets: write a target for each, so that what fails for one is not repeated for all"
		}
	case "pagerduty":
		if t.url.Port() == "" { // for which the library takes 0
			return "names no port: write pagerduty://HOST:443/..."
		}
	case "matrix":
		if t.url.User.Username() != "" {
			return "has a user and a password, with which each message would log in anew: get an access token, and write matrix://:TOKEN@HOST/?rooms=..."
		}
		if !t.has("rooms", "room") {
			return "names no room, and so all that were joined: add ?rooms=!ID:HOST"
		}
	}
	return ""
}

// has reports whether the URL has one of keys.
func (t *service) has(keys ...string) bool {
	for key := range t.url.Query() {
		if slices.Contains(keys, strings.ToLower(key)) {
			return true
		}
	}
	return false
}

// hosts are those that may be connected to.
func (t *service) hosts() []string {
	return append([]string{t.url.Hostname()}, t.url.Query()["host"]...)
}

// open makes the library's service, which asks by [http.DefaultTransport].
func (t *service) open() (types.Service, error) {
	s, err := library().NewService(t.name)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(t.raw) // which the library changes
	if err != nil {
		return nil, err
	}
	if u.Scheme != t.name {
		custom, ok := s.(types.CustomURLService)
		if !ok {
			return nil, errors.New("the service takes no other address behind a +")
		}
		if u, err = custom.GetConfigURLFromCustom(u); err != nil {
			return nil, err
		}
	}
	if err := s.Initialize(u, nil); err != nil {
		return nil, err
	}
	switch s := s.(type) { // these have transports of their own
	case interface{ SetHTTPClient(*http.Client) }:
		s.SetHTTPClient(&http.Client{})
	case interface{ GetHTTPClient() *http.Client }:
		s.GetHTTPClient().Transport = nil
	}
	return s, nil
}

// send has the library send n.
func (t *service) send(n note) error {
	s, err := t.open()
	if err != nil {
		return err
	}
	params := types.Params{}
	for key, value := range n.params {
		params[key] = value
	}
	return s.Send(n.text, &params)
}
