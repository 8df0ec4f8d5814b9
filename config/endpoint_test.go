package config

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// say writes what a configuration asks of its registries, secrets in clear.
func say(c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", c.Listen)
	for _, r := range c.Registries {
		fmt.Fprintf(&b, "; %s %s", r.Name, r.Type)
		if r.All {
			b.WriteString(" all of")
		}
		for _, a := range r.Auth {
			switch {
			case a.Bearer != nil:
				fmt.Fprintf(&b, " bearer %s", a.Bearer.Reveal())
			case a.Basic != nil:
				fmt.Fprintf(&b, " basic %s %s", a.Basic.User, a.Basic.Password.Reveal())
			case a.Header != nil:
				fmt.Fprintf(&b, " header %s %s", a.Header.Name, a.Header.Value.Reveal())
			case a.Path != nil:
				fmt.Fprintf(&b, " path %s", a.Path.Reveal())
			}
		}
	}
	return b.String()
}

// The registry's file says where to listen, what the registry is called and what it
// must show.
func TestEndpointSaysWhatToExpect(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("reg:pass:word"))
	for _, tt := range []struct{ name, url, headers, want string }{
		{"bearer", "http://127.0.0.1:5080/in/hub", "{Authorization: [Bearer s3cret]}", "127.0.0.1:5080; hub distribution bearer s3cret"},
		{"basic", "http://127.0.0.1:5080/in/hub", "{Authorization: [basic " + basic + "]}", "127.0.0.1:5080; hub distribution basic reg pass:word"},
		{"another scheme", "http://127.0.0.1:5080/in/hub", "{authorization: [Token x]}", "127.0.0.1:5080; hub distribution header Authorization Token x"},
		{"header", "http://127.0.0.1:5080/in/hub", "{X-Token: [abc], Content-Type: [x/y]}", "127.0.0.1:5080; hub distribution header X-Token abc"},
		{"several", "http://127.0.0.1:5080/in/hub/-/p4th", "{X-Token: [abc], Authorization: [Bearer s3cret]}", "127.0.0.1:5080; hub distribution all of header X-Token abc bearer s3cret path p4th"},
		{"user in the URL", "http://reg:pass@127.0.0.1:5080/in/hub", "{}", "127.0.0.1:5080; hub distribution basic reg pass"},
		{"user in the URL and a header", "http://reg:pass@127.0.0.1:5080/in/hub", "{Authorization: [Bearer x]}", "127.0.0.1:5080; hub distribution bearer x"},
		{"localhost", "http://localhost:80/in/a.b", "{}", "127.0.0.1:80; a.b distribution"},
		{"IPv6", "http://[::1]:5080/in/hub", "{}", "[::1]:5080; hub distribution"},
		{"other machine", "http://bellbuoy:5080/in/hub", "{A: [b]}", ":5080; hub distribution header A b"},
		{"no port", "http://bellbuoy/in/hub", "{A: [b]}", ":80; hub distribution header A b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.NewReplacer("http://127.0.0.1:5080/in/hub", tt.url, "{Authorization: [Bearer s3cret]}", tt.headers).Replace(goodRegistry)
			c, faults := beside(t, text, "", "")
			compare(t, faults, nil)
			if got := say(c); got != tt.want {
				t.Errorf("got\n\t%s\nwant\n\t%s", got, tt.want)
			}
		})
	}
}

// One file is enough: with nothing else said, all is kept, as without any file.
func TestRegistryFileAlone(t *testing.T) {
	text := goodRegistry + `    ignore: {actions: [pull], mediatypes: [application/octet-stream]}
    ignoredmediatypes: [a/b]
`
	c, faults := beside(t, text, "", "")
	compare(t, faults, nil)
	e := c.Endpoint
	if e == nil || e.Name != "bellbuoy" || e.Registry != "hub" || !e.IncludeReferences || e.Pos.Line != 6 {
		t.Fatalf("endpoint %+v", e)
	}
	var ignored []string
	for _, i := range e.Ignored {
		ignored = append(ignored, fmt.Sprintf("%d %s %s%s", i.Pos.Line, i.Path, i.Action, i.MediaType))
	}
	compare(t, ignored, []string{
		"11 notifications.endpoints[0].ignoredmediatypes[0] a/b",
		"10 notifications.endpoints[0].ignore.mediatypes[0] application/octet-stream",
		"10 notifications.endpoints[0].ignore.actions[0] pull",
	})
	if want := Default().Keep; len(c.Keep) != len(want) || c.Store != Default().Store {
		t.Errorf("keeps %v in %s", c.Keep, c.Store)
	}
}

const section = `bellbuoy:
  store: here.db
  keep: [blob.pulled]
  targets:
  - {name: ci, type: webhook}
  rules:
  - {name: all, deliver: [ci]}
`

func TestSectionOfRegistryFile(t *testing.T) {
	c, faults := beside(t, goodRegistry+section, "", "")
	compare(t, faults, nil)
	if say(c) != "127.0.0.1:5080; hub distribution bearer s3cret" || c.Store != "here.db" ||
		len(c.Keep) != 1 || len(c.Targets) != 1 || len(c.Rules) != 1 || c.Rules[0].Pos.Line != 16 {
		t.Errorf("%s; %+v", say(c), c)
	}
	for _, tt := range []struct{ fault, want Fault }{
		{Faultf("rules[0].tag.regex", "x"), Fault{Pos: Pos{"reg.yml", 16}, Path: "bellbuoy.rules[0].tag.regex"}},
		{Faultf("targets[0]", "x"), Fault{Pos: Pos{"reg.yml", 14}, Path: "bellbuoy.targets[0]"}},
		{Faultf("registries[0].auth[0].bearer", "x"), Fault{Pos: Pos{"reg.yml", 8}, Path: "notifications.endpoints[0].headers.Authorization"}},
		{Faultf("registries[0].type", "x"), Fault{Pos: Pos{"reg.yml", 6}, Path: "notifications.endpoints[0]"}},
		{Faultf("listen", "x"), Fault{Pos: Pos{"reg.yml", 7}, Path: "notifications.endpoints[0].url"}},
	} {
		got := c.Locate(Faults{tt.fault})[0]
		if got.Path != tt.want.Path || got.Pos.Line != tt.want.Pos.Line || !strings.HasSuffix(got.Pos.File, "reg.yml") {
			t.Errorf("%s is put at %s", tt.fault.Path, got)
		}
	}
	if got := c.OptionFault(0, "url", "x"); !strings.HasSuffix(got.String(), "reg.yml:14: bellbuoy.targets[0].options.url: x") {
		t.Errorf("an option is put at %s", got)
	}
}

func TestTwoFiles(t *testing.T) {
	auth := func(auth string) string {
		return "registries:\n- {name: hub, type: distribution, auth: " + auth + "}\n"
	}
	const noted = `bb.yml:2: registries[0].auth.bearer: warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}`
	for _, tt := range []struct {
		name, registry, own, endpoint, want string
		faults                              []string
	}{
		{"own registry is another", goodRegistry, "registries: [{name: two, type: distribution}]\n", "", "127.0.0.1:5080; two distribution; hub distribution bearer s3cret", nil},
		{"same registry", goodRegistry, "registries: [{name: hub, type: distribution}]\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", nil},
		{"same listen", goodRegistry, "listen: 0.0.0.0:5080\n", "", "0.0.0.0:5080; hub distribution bearer s3cret", nil},
		{"same secret", goodRegistry, auth("{bearer: s3cret}"), "", "127.0.0.1:5080; hub distribution bearer s3cret", []string{noted}},
		{"other secret", goodRegistry, auth("{bearer: other}"), "", "127.0.0.1:5080; hub distribution bearer other", []string{
			noted,
			`reg.yml:8: notifications.endpoints[0].headers: do not have what auth in bb.yml:2 asks of the registry, so bellbuoy would refuse every notification: write the same secret in both, or remove auth`,
		}},
		{"other port", goodRegistry, "listen: 127.0.0.1:6000\n", "", "127.0.0.1:6000; hub distribution bearer s3cret", []string{
			`reg.yml:7: notifications.endpoints[0].url: has port 5080, and listen (127.0.0.1:6000) in bb.yml:1 has another: write the same, or remove listen`,
		}},
		{"out of reach", strings.Replace(goodRegistry, "127.0.0.1", "bellbuoy", 1), "listen: 127.0.0.1:5080\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", []string{
			`reg.yml:7: notifications.endpoints[0].url: warning: names bellbuoy, and listen (127.0.0.1:5080) in bb.yml:1 takes what comes from the same machine only: write 127.0.0.1 here, or listen on :5080 there`,
		}},
		{"TLS taken away", strings.Replace(goodRegistry, "http://127.0.0.1:5080", "https://bb.example.com", 1), "listen: 127.0.0.1:5080\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", []string{
			`reg.yml:7: notifications.endpoints[0].url: warning: is https, and bellbuoy has no certificate: see that something before it takes the TLS away and posts to listen (127.0.0.1:5080)`,
		}},
		{"http where TLS is", goodRegistry, "tls: {cert: none.crt, key: none.key}\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", []string{
			`bb.yml:1: tls.cert: certificate file none.crt cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
			`bb.yml:1: tls.key: key file none.key cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
			`reg.yml:7: notifications.endpoints[0].url: is http, and bellbuoy's listener has a certificate and takes https only: write https`,
		}},
		{"another type", goodRegistry, "registries: [{name: hub, type: harbor}]\n", "", "127.0.0.1:5080; hub harbor", []string{
			`bb.yml:1: registries[0].type: unknown registry type "harbor": there is only distribution`,
			`reg.yml:7: notifications.endpoints[0].url: posts as "hub", which is of type harbor by registries[0].type in bb.yml:1: give one of them another name`,
		}},
		{"rest in both", goodRegistry + section, "admin: {listen: '127.0.0.1:1'}\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", nil},
		{"the same in both", goodRegistry + section, "keep: ['blob.pulled']\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", nil},
		{"contradiction", goodRegistry + section, "store: there.db\nkeep: [blob.pulled, artifact.pulled]\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", []string{
			`reg.yml:11: bellbuoy.store: stands in bb.yml:1 too, and says something else there: keep one of the two`,
			`reg.yml:12: bellbuoy.keep: stands in bb.yml:2 too, and says something else there: keep one of the two`,
		}},
		{"no target there", goodRegistry + section, "rules: [{name: all, deliver: [chat]}]\n", "", "127.0.0.1:5080; hub distribution bearer s3cret", []string{
			`reg.yml:15: bellbuoy.rules: stands in bb.yml:1 too, and says something else there: keep one of the two`,
		}},
		{"endpoint by name", strings.Replace(goodRegistry, "name: bellbuoy", "name: ci", 1), "keep: []\n", "ci", "127.0.0.1:5080; hub distribution bearer s3cret", nil},
		{"no such endpoint", goodRegistry, "keep: []\n", "bellboy", "127.0.0.1:5080", []string{
			`reg.yml:5: notifications.endpoints: none is named "bellboy": did you mean "bellbuoy"?`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, faults := beside(t, tt.registry, tt.own, tt.endpoint)
			compare(t, faults, tt.faults)
			if got := say(c); got != tt.want {
				t.Errorf("got\n\t%s\nwant\n\t%s", got, tt.want)
			}
		})
	}
}

func TestMissingRegistryFile(t *testing.T) {
	_, faults := LoadBeside("", Beside{File: "none.yml"}, known)
	if got := fmt.Sprint(faults); got != "[none.yml: there is no such file: correct the path, or write the file]" {
		t.Error(got)
	}
}

// A registry that shares bellbuoy's environment may go by that and not by its file.
func TestRegistryEnvironment(t *testing.T) {
	var got []string
	for _, f := range overrides("reg.yml", []string{
		"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL=http://s3cret@x", "REGISTRY_NOTIFICATIONS=x",
		"REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES=true", "REGISTRY_HTTP_ADDR=:1", "REGISTRY_NOTIFICATIONSX=1",
	}) {
		got = append(got, f.String())
	}
	compare(t, got, []string{
		"reg.yml: notifications: warning: environment variable REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL is set here: a registry that has it too goes by it, and bellbuoy by the file; write it into the file and unset it",
		"reg.yml: notifications: warning: environment variable REGISTRY_NOTIFICATIONS is set here: a registry that has it too goes by it, and bellbuoy by the file; write it into the file and unset it",
		"reg.yml: notifications: warning: environment variable REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES is set here, and the registry ignores it: its name for that is REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES",
	})
	t.Setenv("REGISTRY_NOTIFICATIONS_ENDPOINTS", "[]")
	_, faults := beside(t, goodRegistry, "", "")
	compare(t, faults, []string{
		"reg.yml: notifications: warning: environment variable REGISTRY_NOTIFICATIONS_ENDPOINTS is set here: a registry that has it too goes by it, and bellbuoy by the file; write it into the file and unset it",
	})
}

// Whatever the file holds, there is no panic and each fault says something.
func FuzzRegistryFile(f *testing.F) {
	f.Add([]byte(goodRegistry + section))
	f.Add([]byte("notifications: &a {endpoints: [{name: bellbuoy, headers: {A: [*a]}, <<: *a}]}\n"))
	f.Add([]byte("notifications: {endpoints: [{name: bellbuoy, url: 'http://[::1]/in/a/-/b/', timeout: [], ignore: {actions: ~}}]}\nbellbuoy: []\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, faults := firstDocument("reg.yml", data)
		if root == nil {
			return
		}
		c := defaults()
		c.file, c.lines, c.written = "reg.yml", map[string]int{}, map[string]place{}
		file := readRegistryFile("reg.yml", len(data), root)
		faults = append(faults, file.faults...)
		if file.section != nil {
			faults = append(faults, contradictions("bb.yml", root, file)...)
			faults = append(faults, c.ownSection(file, len(data))...)
		}
		faults = append(faults, c.endpoint(file, "")...)
		for _, fault := range faults.Merge(c.Locate(c.check(known))) {
			if fault.Message == "" || fault.Pos.File != "reg.yml" {
				t.Errorf("half a fault: %+v", fault)
			}
		}
		if c.Endpoint == nil && !faults.Failed() {
			t.Error("no endpoint, and no word of it")
		}
	})
}
