package config

import (
	"slices"
	"testing"
)

func TestLookup(t *testing.T) {
	t.Setenv("BB_PASSWORD", "hunter2")
	known := Known{RegistryTypes: []string{"distribution", "harbor", "quay"}, LookupTypes: []string{"distribution", "harbor"}}
	const bob = "credentials: {username: bob, password: {env: BB_PASSWORD}}"
	for _, tt := range []struct{ name, registry, want string }{
		{"as nobody", "type: distribution, lookup: true, url: http://registry:5000", ""},
		{"as somebody", "type: harbor, lookup: true, url: https://harbor/, " + bob, ""},
		{"url for later", "type: quay, url: https://quay", ""},
		{"on this machine", "type: distribution, lookup: true, url: http://127.0.0.1:5000, " + bob, ""},
		{"without url", "type: distribution, lookup: true",
			`bb.yml:1: registries[0].url: is missing, and lookup asks the registry: add where it is, such as http://registry:5000`},
		{"of what cannot be asked", "type: quay, lookup: true, url: https://q",
			`bb.yml:1: registries[0].lookup: a registry of type "quay" cannot be asked, only one of type distribution or harbor: remove lookup`},
		{"no word", "type: distribution, lookup: maybe, url: https://r",
			`bb.yml:1: registries[0].lookup: wants true or false, found "maybe": write one of the two`},
		{"url without scheme", "type: distribution, url: 'registry:5000'",
			`bb.yml:1: registries[0].url: is no address of a registry: write http://HOST:PORT or https://HOST`},
		{"url of another scheme", "type: distribution, url: ftp://registry",
			`bb.yml:1: registries[0].url: is no address of a registry: write http://HOST:PORT or https://HOST`},
		{"url with credentials", "type: distribution, url: https://bob:hunter2@registry",
			`bb.yml:1: registries[0].url: has credentials in it: write them as credentials: {username: NAME, password: {file: PATH}}`},
		{"url with a path", "type: distribution, url: https://registry/v2/",
			`bb.yml:1: registries[0].url: "https://registry/v2/" has more than a host and a port: registries answer at the root only`},
		{"credentials without url", "type: distribution, " + bob,
			`bb.yml:1: registries[0].credentials: are for asking the registry, and it has no url: add url, or remove them`},
		{"credentials without password", "type: distribution, url: https://r, credentials: {username: bob}",
			`bb.yml:1: registries[0].credentials.password: is missing: add it, for example "password: {file: /run/secrets/hub-reader}"`},
		{"user name with a colon", "type: distribution, url: https://r, credentials: {username: 'a:b', password: {env: BB_PASSWORD}}",
			`bb.yml:1: registries[0].credentials.username: "a:b" has a colon, which ends a user name: correct it`},
		{"credentials over http", "type: distribution, url: http://registry, " + bob,
			`bb.yml:1: registries[0].credentials: warning: go over http, for all on the way to read: use https where the registry has it`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := Parse("bb.yml", []byte("registries: [{name: hub, "+tt.registry+"}]\n"), known)
			var got, want []string
			for _, f := range faults {
				got = append(got, f.String())
			}
			if tt.want != "" {
				want = []string{tt.want}
			}
			if !slices.Equal(got, want) {
				t.Errorf("faults\n got %q\nwant %q", got, want)
			}
		})
	}
}

func TestLookupIsRead(t *testing.T) {
	t.Setenv("BB_PASSWORD", "hunter2")
	c, faults := Parse("bb.yml", []byte("registries: [{name: hub, type: distribution, lookup: true, url: 'https://r:5000', credentials: {username: bob, password: {env: BB_PASSWORD}}}]\n"), Known{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if r := c.Registries[0]; !r.Lookup || r.URL != "https://r:5000" || r.Credentials.Username != "bob" || r.Credentials.Password.Reveal() != "hunter2" {
		t.Errorf("registry = %+v", r)
	}
}
