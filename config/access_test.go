package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	weak = "$2y$05$"
	fair = "$2b$10$"
)

var bcryptRest = strings.Repeat("a", 53)

// accessFiles are the files of users that the configurations of [badAccess] name.
func accessFiles() map[string]string {
	return map[string]string{
		"good": "# people\n\nalice:" + fair + bcryptRest + "\r\n鲍勃:$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg\n",
		"old": "alice:$apr1$abc$def\nbob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\ncarl:rqXexS6ZhobKA\ndora:$6$salt$hash\n" +
			"erik:\nfrida:$2y$10$short\ngina:$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA\nhans:plain text\n",
		"odd": "no colon\n:" + fair + bcryptRest + "\nalice:" + fair + bcryptRest + "\nalice:" + fair + bcryptRest + "\nbob:$2a$31$" + bcryptRest +
			"\ncarl:" + weak + bcryptRest + "\ndora:$argon2id$v=19$m=9999999,t=3,p=4$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg\nerik:$argon2id$v=19$m=65536,t=3,p=4$c2$MDEy\n",
		"nobody": "# later\n",
	}
}

// badAccess are configurations in which it is wrong who may ask.
func badAccess() []BadConfig {
	token := func(keys string) string { return "admin: {tokens: [{" + keys + "}]}\n" }
	const plain = ": warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}"
	const long = "secret: 0123456789abcdef0123456789abcdef"
	users := func(keys string) string { return "admin:\n  hosts: [bb.example.com]\n  users: {" + keys + "}\n" }
	oidc := func(keys string) string {
		return "admin:\n  hosts: [bb.example.com]\n  users: {oidc: {client_id: bb, roles: {admin: [ops]}, " + keys + "}}\n"
	}
	const anew = "make it anew with: htpasswd -B -C 12 DIR/"
	kept := func(line, user, as string) string {
		return `3: admin.users.htpasswd: htpasswd file DIR/old, line ` + line + `: the password of "` + user + `" is kept as ` + as + `; bcrypt and Argon2id are taken: ` + anew + "old " + user
	}
	return []BadConfig{
		{"a token without a role", token("name: ci, " + long), []string{
			`1: admin.tokens[0].secret` + plain,
			`1: admin.tokens[0].role: is missing: add it, for example "role: editor"`,
		}},
		{"a token of a strange role", token("name: ci, role: edtior, " + long), []string{
			`1: admin.tokens[0].secret` + plain,
			`1: admin.tokens[0].role: unknown role "edtior": did you mean "editor"?`,
		}},
		{"a weak token", token("name: ci, role: viewer, secret: s3cret"), []string{
			`1: admin.tokens[0].secret` + plain,
			`1: admin.tokens[0].secret: warning: is shorter than 16 characters and can be guessed: take what "openssl rand -hex 32" prints`,
		}},
		{"a token with a blank", token("name: ci, role: viewer, secret: {file: two lines}"), []string{
			`1: admin.tokens[0].secret: has a blank, a line break or a letter beyond ASCII in it, which no header carries: take another secret`,
		}},
		{"tokens of one name", "admin:\n  tokens:\n  - {name: ci, role: viewer, " + long + "}\n  - {name: ci, role: admin, " + long + "0}\n", []string{
			`3: admin.tokens[0].secret` + plain,
			`4: admin.tokens[1].secret` + plain,
			`4: admin.tokens[1].name: "ci" is the name of admin.tokens[0] too, in line 3: give one of them another`,
		}},
		{"tokens of one secret", "admin:\n  tokens:\n  - {name: a, role: viewer, " + long + "}\n  - {name: b, role: admin, " + long + "}\n", []string{
			`3: admin.tokens[0].secret` + plain,
			`4: admin.tokens[1].secret` + plain,
			`4: admin.tokens[1].secret: is that of admin.tokens[0] too, so that nobody can tell one from the other: give one of them another`,
		}},
		{"bad scopes", token("name: ci, role: viewer, scopes: [events, 'evnts:read', '*:read', 'rules:all'], " + long), []string{
			`1: admin.tokens[0].secret` + plain,
			`1: admin.tokens[0].scopes[0]: "events" is no scope: write NOUN:read or NOUN:write, such as targets:write, or *:read`,
			`1: admin.tokens[0].scopes[1]: unknown noun "evnts": did you mean "events"?`,
			`1: admin.tokens[0].scopes[3]: "rules:all" is no scope: write NOUN:read or NOUN:write, such as targets:write, or *:read`,
		}},
		{"a token with nothing secret", token("name: ci, role: viewer"), []string{
			`1: admin.tokens[0].secret: is missing: add it, for example "secret: {env: BB_TOKEN}"`,
		}},
		{"reachable over http", "admin: {listen: '0.0.0.0:5081', tokens: [{name: ci, role: viewer, " + long + "}]}\n", []string{
			`1: admin.tokens[0].secret` + plain,
			`1: admin.listen: warning: 0.0.0.0:5081 can be reached from outside over http, where all on the way can read tokens and passwords: add tls, or have a proxy on this machine that has it, and write a loopback address`,
		}},
		{"reachable, and its tokens are wrong", "admin: {listen: '0.0.0.0:5081', tokens: 5}\n", []string{
			`1: admin.tokens: wants a list, found the number: put it in brackets, [5]`,
			`1: admin.listen: warning: 0.0.0.0:5081 can be reached from outside over http, where all on the way can read tokens and passwords: add tls, or have a proxy on this machine that has it, and write a loopback address`,
		}},
		{"a certificate that is not there", "admin: {tls: {cert: none, key: none}}\n", []string{
			`1: admin.tls.cert: certificate file DIR/none cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
			`1: admin.tls.key: key file DIR/none cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
		}},
		{"bad hosts", "admin:\n  users: {htpasswd: good}\n  hosts: ['bb:5081', 'https://bb', '*.example.com', 0.0.0.0, 10.1.2.3]\n", []string{
			`3: admin.hosts[0]: "bb:5081" has a port, which does not count: write a name such as bellbuoy.example.com, as people type it`,
			`3: admin.hosts[1]: "https://bb" is no name of a host: write a name such as bellbuoy.example.com, as people type it`,
			`3: admin.hosts[2]: "*.example.com" is no name of a host: write a name such as bellbuoy.example.com, as people type it`,
			`3: admin.hosts[3]: "0.0.0.0" is no address that one can ask: write a name such as bellbuoy.example.com, as people type it`,
		}},
		{"hosts that do nothing", "admin: {hosts: [bb]}\n", []string{
			`1: admin.hosts: warning: has no effect: without tokens and users only programs of this machine are served, by its own names`,
		}},

		{"users who cannot log in", "admin: {users: {}}\n", []string{
			`1: admin.users: has neither htpasswd nor oidc, so that nobody can log in: add one, such as htpasswd: /etc/bellbuoy/htpasswd`,
		}},
		{"no htpasswd", users("htpasswd: none"), []string{
			`3: admin.users.htpasswd: htpasswd file DIR/none cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
		}},
		{"an htpasswd of old hashes", users("htpasswd: old"), []string{
			kept("1", "alice", "MD5"), kept("2", "bob", "SHA-1 without a salt"), kept("3", "carl", "crypt"), kept("4", "dora", "crypt's SHA-2"),
			`3: admin.users.htpasswd: htpasswd file DIR/old, line 5: "erik" has no password: ` + anew + `old erik`,
			kept("6", "frida", "bcrypt, but damaged"), kept("7", "gina", "an Argon2 other than Argon2id of version 19"), kept("8", "hans", "a hash that is not known here"),
		}},
		{"an htpasswd of odd lines", users("htpasswd: odd"), []string{
			`3: admin.users.htpasswd: htpasswd file DIR/odd, line 1: is not NAME:HASH: write it with: htpasswd -B DIR/odd NAME`,
			`3: admin.users.htpasswd: htpasswd file DIR/odd, line 2: the name of the user is no name: write one line of at most 200 bytes, without blanks around it`,
			`3: admin.users.htpasswd: htpasswd file DIR/odd, line 4: "alice" stands in line 3 already: remove one`,
			`3: admin.users.htpasswd: htpasswd file DIR/odd, line 5: the bcrypt cost of "bob" is 31, which is out of range: take 10 to 14, and ` + anew + `odd bob`,
			`3: admin.users.htpasswd: warning: htpasswd file DIR/odd, line 6: the bcrypt cost of "carl" is 5, so that a stolen file is soon guessed: ` + anew + `odd carl`,
			`3: admin.users.htpasswd: htpasswd file DIR/odd, line 7: the Argon2id hash of "dora" costs too much, or nothing: take m up to 262144, t up to 16 and p up to 16, such as m=65536,t=3,p=4`,
			`3: admin.users.htpasswd: htpasswd file DIR/odd, line 8: the Argon2id hash of "erik" is damaged: make it anew`,
		}},
		{"an empty htpasswd", users("htpasswd: nobody"), []string{
			`3: admin.users.htpasswd: warning: htpasswd file DIR/nobody names nobody: add users with: htpasswd -B DIR/nobody NAME`,
		}},
		{"an open htpasswd", users("htpasswd: open"), []string{
			`3: admin.users.htpasswd: warning: htpasswd file DIR/open can be read by every user of this machine (mode 0644): take that right away with chmod o-r`,
			`3: admin.users.htpasswd: htpasswd file DIR/open, line 1: is not NAME:HASH: write it with: htpasswd -B DIR/open NAME`,
		}},
		{"roles of users", users("htpasswd: good, roles: {admin: [alice, zoe], root: [alice]}"), []string{
			`3: admin.users.roles.root: unknown role "root": there are viewer, editor and admin`,
			`3: admin.users.roles.admin[1]: warning: there is no user "zoe" in DIR/good: correct the name, or add it with: htpasswd -B DIR/good zoe`,
		}},
		{"roles of no users", users("roles: {admin: [alice]}, oidc: {issuer: https://id, client_id: bb, roles: {admin: [ops]}}"), []string{
			`3: admin.users.roles: are for the users of htpasswd, which is missing: add it, or move the roles below oidc`,
		}},
		{"a token named as a user", "admin:\n  users: {htpasswd: good}\n  tokens: [{name: alice, role: viewer, secret: {file: a token}}]\n", []string{
			`3: admin.tokens[0].secret: secret file DIR/a token cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
			`3: admin.tokens[0].name: "alice" is a user in DIR/good too, so that the audit could not tell who it was: give one of them another name`,
		}},

		{"no issuer", users("oidc: {client_id: bb, roles: {admin: [ops]}}"), []string{
			`3: admin.users.oidc.issuer: is missing: add it, for example "issuer: https://id.example.com/realms/main"`,
		}},
		{"a bad issuer", oidc("issuer: id.example.com"), []string{
			`3: admin.users.oidc.issuer: "id.example.com" is no address of a provider: write https://HOST, and the path that it names in its tokens`,
		}},
		{"an issuer with credentials", oidc("issuer: 'https://a:b@id.example.com'"), []string{
			`3: admin.users.oidc.issuer: has credentials in it: write them as client_id and client_secret`,
		}},
		{"an issuer over http", oidc("issuer: http://id.example.com"), []string{
			`3: admin.users.oidc.issuer: warning: is asked over http, where who is on the way can log in as anybody: use https`,
		}},
		{"an issuer's description", oidc("issuer: https://id.example.com/.well-known/openid-configuration"), []string{
			`3: admin.users.oidc.issuer: is the page that describes the provider: leave out /.well-known/openid-configuration`,
		}},
		{"no roles of groups", users("oidc: {issuer: https://id, client_id: bb, roles: {}}"), []string{
			`3: admin.users.oidc.roles: are none, so that nobody can log in: write which groups have which role, or viewer: ['*'] for everybody`,
		}},
		{"strange roles of groups", users("oidc: {issuer: https://id, client_id: bb, roles: {Admin: [ops]}, scopes: ['openid email']}"), []string{
			`3: admin.users.oidc.roles.Admin: unknown role "Admin": did you mean "admin"?`,
			`3: admin.users.oidc.scopes[0]: "openid email" is no scope: write each as an item of its own`,
		}},
		{"nowhere to come back to", "admin: {users: {oidc: {issuer: https://id, client_id: bb, roles: {admin: [ops]}}}}\n", []string{
			`1: admin.users.oidc.redirect_url: is missing, and there are no hosts to make it of: add hosts: [NAME] to admin, or redirect_url: https://NAME/auth/oidc/callback`,
		}},
		{"a strange place to come back to", oidc("issuer: https://id, redirect_url: https://bb.example.com/back"), []string{
			`3: admin.users.oidc.redirect_url: "https://bb.example.com/back" is not where people come back to: write https://NAME/auth/oidc/callback`,
		}},
		{"another's place to come back to", oidc("issuer: https://id, redirect_url: https://other.example.com/auth/oidc/callback"), []string{
			`3: admin.users.oidc.redirect_url: leads to "other.example.com", which is none of admin.hosts, so that it would be refused: add it there`,
		}},
	}
}

func TestRedirect(t *testing.T) {
	for _, c := range []struct {
		admin      Admin
		told, want string
	}{
		{Admin{Listen: ":5081", Hosts: []string{"bb.example.com", "other"}}, "", "http://bb.example.com:5081/auth/oidc/callback"},
		{Admin{Listen: ":443", TLS: &TLS{}, Hosts: []string{"bb.example.com"}}, "", "https://bb.example.com/auth/oidc/callback"},
		{Admin{Listen: ":80", TLS: &TLS{}, Hosts: []string{"bb.example.com"}}, "", "https://bb.example.com:80/auth/oidc/callback"},
		{Admin{Listen: ":80", Hosts: []string{"bb.example.com"}}, "", "http://bb.example.com/auth/oidc/callback"},
		{Admin{Listen: ":5081", Hosts: []string{"2001:db8::1"}}, "", "http://[2001:db8::1]:5081/auth/oidc/callback"},
		{Admin{Listen: ":5081", Hosts: []string{"bb"}}, "https://x/auth/oidc/callback", "https://x/auth/oidc/callback"},
	} {
		c.admin.Users.OIDC = &OIDC{RedirectURL: c.told}
		if got := c.admin.Redirect(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	if got := (Admin{Hosts: []string{"bb"}}).Redirect(); got != "" {
		t.Errorf("without a provider: %s", got)
	}
}

// What the page about access has to paste is right, but for files that are not here.
func TestAccessPage(t *testing.T) {
	page, err := os.ReadFile("../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"htpasswd": "alice:" + fair + bcryptRest + "\nbob:" + fair + bcryptRest + "\n", "secret": strings.Repeat("s3cret", 5),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("BB_TOKEN", strings.Repeat("token", 5))
	blocks := regexp.MustCompile("(?s)```yaml\nadmin:(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, m := range blocks {
		text := regexp.MustCompile(`/run/secrets/[a-z-]+`).ReplaceAllString("admin:"+m[1], "secret")
		text = strings.ReplaceAll(text, "/etc/bellbuoy/htpasswd", "htpasswd")
		text = regexp.MustCompile(`\n  tls: .*`).ReplaceAllString(text, "")
		if !strings.Contains(text, "hosts:") {
			text = strings.Replace(text, "admin:", "admin:\n  hosts: [bellbuoy.example.com]", 1)
		}
		_, lines := parse(t, dir, text)
		for _, l := range lines {
			if !strings.Contains(l, "over http") { // since the certificate is left out
				t.Errorf("%s in\n%s", l, text)
			}
		}
	}
	if len(blocks) < 6 {
		t.Errorf("there are %d", len(blocks))
	}
}
