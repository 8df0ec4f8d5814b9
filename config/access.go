package config

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Admin is where people and scripts ask.
type Admin struct {
	// Listen is HOST:PORT. It is on loopback unless there are tokens or users: without
	// them, only programs of this machine are served.
	Listen string `yaml:"listen"`
	// TLS has people and scripts ask https://, with TLS 1.2 or later. Without it they ask
	// http://.
	TLS *TLS `yaml:"tls"`
	// Hosts are the names by which it is asked, beside those of loopback and its own
	// addresses. Others are refused, so that no page can give itself a name that leads here.
	Hosts []string `yaml:"hosts" jsonschema:"example=[bellbuoy.example.com]"`
	// Tokens are those of scripts: "Authorization: Bearer SECRET". More are made with
	// "bellbuoy tokens create".
	Tokens []Token `yaml:"tokens"`
	// Users are people, who log in.
	Users Users `yaml:"users"`
}

// Closed reports whether everybody needs a token or a login. Otherwise all programs of
// this machine are served, and nobody else.
func (a Admin) Closed() bool {
	return len(a.Tokens) > 0 || a.Users.Htpasswd != nil || a.Users.OIDC != nil
}

// Token is what a script shows.
type Token struct {
	// Name is who the script is, in the audit.
	Name string `yaml:"name" jsonschema:"required,example=ci"`
	// Role is what may be done with it: viewer reads; editor changes rules, targets and
	// registries too, and has deliveries made; admin does all.
	Role string `yaml:"role" jsonschema:"required,example=editor"`
	// Secret is what the script shows.
	Secret *Secret `yaml:"secret" jsonschema:"required,example={env: BB_TOKEN}"`
	// Scopes narrow what may be done with it: NOUN:read and NOUN:write, such as
	// targets:write; "*" is every noun. Left out, they do not.
	Scopes []string `yaml:"scopes" jsonschema:"example=['events:read', 'targets:write']"`
	Pos    Pos      `yaml:"-"`
}

// Users are people, who log in with a password or by an identity provider.
type Users struct {
	// Htpasswd is a file of names and passwords, as "htpasswd -B" writes it. It is read
	// again when it changes. Its path is relative to the folder of this file.
	Htpasswd *Htpasswd `yaml:"htpasswd" jsonschema:"example=/etc/bellbuoy/htpasswd"`
	// Roles say which users of htpasswd are editor and admin; who is neither is a viewer.
	Roles Groups `yaml:"roles" jsonschema:"example={admin: [alice], editor: [bob]}"`
	// OIDC is an identity provider that speaks OpenID Connect.
	OIDC *OIDC `yaml:"oidc"`
}

// OIDC is an identity provider.
type OIDC struct {
	// Issuer is its URL, exactly as it names itself in tokens.
	Issuer string `yaml:"issuer" jsonschema:"required,example=https://id.example.com/realms/main"`
	// ClientID is what the provider calls bellbuoy.
	ClientID string `yaml:"client_id" jsonschema:"required,example=bellbuoy"`
	// ClientSecret is what bellbuoy shows the provider; left out of a public client.
	ClientSecret *Secret `yaml:"client_secret" jsonschema:"example={file: /run/secrets/oidc}"`
	// Scopes are asked for beside openid.
	Scopes []string `yaml:"scopes" jsonschema:"example=[profile, email, groups]"`
	// GroupsClaim is the claim of the ID token that lists the groups of a user.
	GroupsClaim string `yaml:"groups_claim"`
	// Roles say which groups have which role; "*" is everybody whom the provider lets in.
	// Who is in none of them is refused.
	Roles Groups `yaml:"roles" jsonschema:"required,example={admin: [platform], viewer: ['*']}"`
	// RedirectURL is where the provider sends people back to, https://HOST/auth/oidc/callback.
	// Left out, it is made of the first of hosts, the port of listen, and whether there is tls.
	RedirectURL string `yaml:"redirect_url" jsonschema:"example=https://bellbuoy.example.com/auth/oidc/callback"`
}

// CallbackPath is where an identity provider sends people back to.
const CallbackPath = "/auth/oidc/callback"

// roles are what tokens and users can be.
func roles() []string { return []string{"viewer", "editor", "admin"} }

// minSecret is how short the secret of a token may be without a warning.
const minSecret = 16

// scopePattern is what the scopes of tokens are.
const scopePattern = `^(\*|[a-z][a-z-]*):(read|write)$`

var scopeRegexp = regexp.MustCompile(scopePattern)

// admin checks who may ask.
func (k *checker) admin(a *Admin) {
	k.tls("admin.tls", a.TLS)
	switch {
	case !reachable(a.Listen):
	case !a.Closed() && !k.given("admin.tokens") && !k.given("admin.users"):
		k.fault("admin.listen", "%s can be reached from outside, and there are neither tokens nor users: add who may ask, such as tokens: [{name: ops, role: admin, secret: {env: BB_TOKEN}}], or write a loopback address, such as 127.0.0.1:5081", a.Listen)
	case a.TLS == nil && !k.given("admin.tls"):
		k.faults = append(k.faults, Warningf("admin.listen", "%s can be reached from outside over http, where all on the way can read tokens and passwords: add tls, or have a proxy on this machine that has it, and write a loopback address", a.Listen))
	}
	for i, h := range a.Hosts {
		if err := checkHost(h); err != nil {
			k.fault(item("admin.hosts", i), "%q %v: write a name such as bellbuoy.example.com, as people type it", h, err)
		}
	}
	if !a.Closed() && len(a.Hosts) > 0 && !k.given("admin.users") {
		k.faults = append(k.faults, Warningf("admin.hosts", "has no effect: without tokens and users only programs of this machine are served, by its own names"))
	}
	k.tokens(a)
	if k.given("admin.users") {
		k.users(a)
	}
}

// checkHost says what is wrong with a name by which the admin listener is asked.
func checkHost(h string) error {
	if strings.ContainsAny(h, "/?#@ *") {
		return errors.New("is no name of a host")
	}
	if _, _, err := net.SplitHostPort(h); err == nil {
		return errors.New("has a port, which does not count")
	}
	if ip, err := netip.ParseAddr(strings.Trim(h, "[]")); err == nil && ip.IsUnspecified() {
		return errors.New("is no address that one can ask")
	}
	if u, err := url.Parse("http://" + h); err != nil || u.Host != h {
		return errors.New("is no name of a host")
	}
	return nil
}

func (k *checker) tokens(a *Admin) {
	k.names("admin.tokens", len(a.Tokens), func(i int) string { return a.Tokens[i].Name })
	first := map[string]int{}
	for i, t := range a.Tokens {
		at := item("admin.tokens", i)
		k.unknown(at+".role", "role", t.Role, nameSet{list: roles()})
		for j, s := range t.Scopes {
			k.scope(item(at+".scopes", j), s)
		}
		if t.Secret == nil {
			continue // said already
		}
		s := t.Secret.Reveal()
		switch {
		case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
			k.fault(at+".secret", "has a blank, a line break or a letter beyond ASCII in it, which no header carries: take another secret")
		case len(s) < minSecret:
			k.faults = append(k.faults, Warningf(at+".secret", "is shorter than %d characters and can be guessed: take what \"openssl rand -hex 32\" prints", minSecret))
		}
		if j, ok := first[s]; ok {
			k.fault(at+".secret", "is that of %s too, so that nobody can tell one from the other: give one of them another", item("admin.tokens", j))
		} else {
			first[s] = i
		}
	}
}

// scope checks one of a token's scopes.
func (k *checker) scope(path, scope string) {
	noun, _, _ := strings.Cut(scope, ":")
	switch {
	case scope == "": // said already
	case !scopeRegexp.MatchString(scope):
		k.fault(path, `%q is no scope: write NOUN:read or NOUN:write, such as targets:write, or *:read`, scope)
	case noun != "*" && k.known.Nouns != nil && !slices.Contains(k.known.Nouns, noun):
		k.fault(path, "unknown noun %q: %s", noun, Suggest(noun, k.known.Nouns))
	}
}

func (k *checker) users(a *Admin) {
	u := &a.Users
	const at = "admin.users"
	if u.Htpasswd == nil && u.OIDC == nil && !k.given(at+".htpasswd") && !k.given(at+".oidc") {
		k.fault(at, "has neither htpasswd nor oidc, so that nobody can log in: add one, such as htpasswd: /etc/bellbuoy/htpasswd")
	}
	k.rolesOf(at+".roles", u.Roles)
	if h := u.Htpasswd; h != nil {
		for _, role := range roles() {
			for i, user := range u.Roles[role] {
				if _, ok := h.Users[user]; !ok && user != "" {
					k.faults = append(k.faults, Warningf(item(at+".roles."+role, i), "there is no user %q in %s: correct the name, or add it with: htpasswd -B %s %s", user, h.File, h.File, user))
				}
			}
		}
		for i, t := range a.Tokens {
			if _, ok := h.Users[t.Name]; ok {
				k.fault(item("admin.tokens", i)+".name", "%q is a user in %s too, so that the audit could not tell who it was: give one of them another name", t.Name, h.File)
			}
		}
	} else if u.Roles != nil && !k.given(at+".htpasswd") {
		k.fault(at+".roles", "are for the users of htpasswd, which is missing: add it, or move the roles below oidc")
	}
	if u.OIDC != nil {
		k.oidc(at+".oidc", a, u.OIDC)
	}
}

// given reports whether the file has something at path, be it wrong.
func (k *checker) given(path string) bool { return k.lines[dotted(path)] > 0 }

// rolesOf checks the names of roles.
func (k *checker) rolesOf(path string, of Groups) {
	for _, role := range slices.Sorted(maps.Keys(of)) {
		k.unknown(path+"."+role, "role", role, nameSet{list: roles()})
	}
}

func (k *checker) oidc(path string, a *Admin, o *OIDC) {
	k.rolesOf(path+".roles", o.Roles)
	if o.Roles != nil && len(o.Roles) == 0 {
		k.fault(path+".roles", "are none, so that nobody can log in: write which groups have which role, or viewer: ['*'] for everybody")
	}
	if o.Issuer != "" {
		u, err := url.Parse(o.Issuer)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
			k.fault(path+".issuer", "%q is no address of a provider: write https://HOST, and the path that it names in its tokens", o.Issuer)
		case u.User != nil:
			k.fault(path+".issuer", "has credentials in it: write them as client_id and client_secret")
		case u.Scheme == "http" && !loopback(net.JoinHostPort(u.Hostname(), "80")):
			k.faults = append(k.faults, Warningf(path+".issuer", "is asked over http, where who is on the way can log in as anybody: use https"))
		case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
			k.fault(path+".issuer", "is the page that describes the provider: leave out /.well-known/openid-configuration")
		}
	}
	for i, s := range o.Scopes {
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
			k.fault(item(path+".scopes", i), "%q is no scope: write each as an item of its own", s)
		}
	}
	switch u, err := url.Parse(o.RedirectURL); {
	case o.RedirectURL == "" && len(a.Hosts) == 0:
		k.fault(path+".redirect_url", "is missing, and there are no hosts to make it of: add hosts: [NAME] to admin, or redirect_url: https://NAME%s", CallbackPath)
	case o.RedirectURL == "":
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path != CallbackPath || u.RawQuery != "" || u.Fragment != "":
		k.fault(path+".redirect_url", "%q is not where people come back to: write https://NAME%s", o.RedirectURL, CallbackPath)
	case !slices.ContainsFunc(a.Hosts, func(h string) bool { return strings.EqualFold(strings.Trim(h, "[]"), u.Hostname()) }) && !loopback(net.JoinHostPort(u.Hostname(), "80")):
		k.fault(path+".redirect_url", "leads to %q, which is none of admin.hosts, so that it would be refused: add it there", u.Hostname())
	}
}

// Redirect is where the identity provider sends people back to.
func (a Admin) Redirect() string {
	if a.Users.OIDC == nil {
		return ""
	}
	if r := a.Users.OIDC.RedirectURL; r != "" || len(a.Hosts) == 0 {
		return r
	}
	u := a.address()
	u.Path = CallbackPath
	return u.String()
}

// address is where people open the admin listener: at the first of its hosts, or where it
// listens.
func (a Admin) address() *url.URL {
	u := &url.URL{Scheme: "http", Host: a.Listen}
	if a.TLS != nil {
		u.Scheme = "https"
	}
	if len(a.Hosts) == 0 {
		return u
	}
	u.Host = strings.Trim(a.Hosts[0], "[]")
	_, port, _ := net.SplitHostPort(a.Listen)
	if n, _ := strconv.Atoi(port); n != 0 && !(u.Scheme == "http" && n == 80) && !(u.Scheme == "https" && n == 443) {
		u.Host = net.JoinHostPort(u.Host, port)
	} else if strings.Contains(u.Host, ":") {
		u.Host = "[" + u.Host + "]"
	}
	return u
}
