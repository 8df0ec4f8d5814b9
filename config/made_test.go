package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// made decodes and checks what somebody gave, beside a file.
func made(t *testing.T, file, kind, text string) (*Made, []string) {
	t.Helper()
	c, faults := Parse("bb.yml", []byte(file), known)
	if faults.Failed() {
		t.Fatal(faults)
	}
	m, faults := Make(kind, []byte(text))
	if !faults.Failed() {
		b := c.Beyond(known)
		var registries, targets []string
		for _, r := range c.Registries {
			registries = append(registries, r.Name)
		}
		for _, x := range c.Targets {
			targets = append(targets, x.Name)
		}
		b.Refer(registries, targets)
		faults = append(append(faults, b.Check(m)...), b.References(m)...)
	}
	var lines []string
	for _, f := range faults {
		if f.Pos != (Pos{}) {
			t.Errorf("%s is in a file", f)
		}
		lines = append(lines, f.String())
	}
	return m, lines
}

// What is made means what the same means in a file.
func TestMadeIsAsInAFile(t *testing.T) {
	for kind, text := range map[string]string{
		"registry": `{"name":"lab","type":"distribution","auth":[{"bearer":"a"},{"basic":{"user":"u","password":"p"}}],"url":"https://h","credentials":{"username":"u","password":"p"}}`,
		"target": `{"name":"t","type":"webhook","timeout":"20s","rate":"20/1m","digest":{"after":3},"retry":{"schedule":["0s","5s"]},"template":{"json":{"a":["${type}",1.50,null,true]}},` +
			`"options":{"url":"https://h","n":12345678901234567890,"f":1e3,"neg":-0.5,"deep":{"a.b":[{"c":null}]},"text":"007","date":"2026-01-02"}}`,
		"rule": `{"name":"r","enabled":false,"events":["artifact.pushed"],"tag":{"regex":"v.*","except":"*-rc"},"untagged":"match","where":"1 < 2","deliver":["ci",{"target":"ci","format":"native"}]}`,
	} {
		m, faults := made(t, registry+target, kind, text)
		if len(faults) > 0 {
			t.Errorf("%s: %q", kind, faults)
		}
		c, _ := Parse("bb.yml", []byte(madeLists()[kind]+": ["+text+"]\n"+map[string]string{"rule": target}[kind]), known)
		var got, want any
		switch kind {
		case "registry":
			got, want = *m.Registry, c.Registries[0]
			if p := m.Registry.Credentials.Password.Reveal(); p != "p" || m.Registry.Auth[0].Bearer.Reveal() != "a" {
				t.Errorf("the password is %q", p)
			}
			c.Registries[0].Pos, m.Registry.Pos = Pos{}, Pos{}
			got, want = *m.Registry, c.Registries[0]
		case "target":
			c.Targets[0].Pos = Pos{}
			if string(m.Target.Options) != string(c.Targets[0].Options) {
				t.Errorf("the options are %s, and\n%s in a file", m.Target.Options, c.Targets[0].Options)
			}
			got, want = *m.Target, c.Targets[0]
		case "rule":
			c.Rules[0].Pos = Pos{}
			got, want = *m.Rule, c.Rules[0]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("a %s is\n%#v, in a file\n%#v", kind, got, want)
		}
	}
}

func TestMadeFaults(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, x := range []struct {
		kind, text string
		want       []string
	}{
		{"rule", `{"name":"r","deliver":["ci"]}`, nil},
		{"rule", `{"name":"r\ud83d\ude00","deliver":["ci"]}`, []string{`name: "r😀" is no name`}},
		{"rule", `{"name":"r","deliver":["ci"],"description":"a\/\u0041\u2028"}`, nil},
		{"rule", `{"name":"r","deliver":[],"tags":1}`, []string{`tags: unknown key: did you mean "tag"?`}},
		{"rule", `{"name":"r","deliver":[]}`, []string{`deliver: names no target`}},
		{"rule", `{"deliver":null}`, []string{`deliver: is empty`, `name: is missing`}},
		{"rule", `{"name":"r","deliver":["cj"],"scope":{"registries":["hob"]}}`, []string{`scope.registries[0]: unknown registry "hob": did you mean "hub"?`, `deliver[0]: unknown target "cj": did you mean "ci"?`}},
		{"rule", `{"name":"r","deliver":["ci"],"enabled":"yes"}`, []string{`enabled: wants true or false`}},
		{"rule", `{"name":"r","name":"s","deliver":["ci"]}`, []string{`is not JSON that can be read: the key "name" is given twice`}},
		{"rule", `{"name":"r","<<":{"deliver":["ci"]}}`, []string{`<<: unknown key`, `deliver: is missing`}},
		{"rule", ``, []string{`is not JSON that can be read: unexpected EOF`}},
		{"rule", `{"name"`, []string{`is not JSON that can be read`}},
		{"rule", `{} []`, []string{`is not JSON: there is more behind it`}},
		{"rule", `7`, []string{`wants keys and values, found the number`}},
		{"target", `{"name":"t","type":"webhook","options":` + deep + `}`, []string{`is not JSON that can be read: it is nested deeper than 64`}},
		{"target", `{"name":"t","type":"webhook","options":{"a":{"env":"HOME"}}}`, []string{`options.a: names a variable of the machine`}},
		{"target", `{"name":"t","type":"webhook","options":{"a":{"env":"HOME","x":1}}}`, nil},
		{"target", `{"name":"t","type":"webhook","options":{"file":"x"}}`, nil},
		{"target", `{"name":"t","type":"exec","options":{}}`, []string{`type: unknown target type "exec"`}},
		{"target", `{"name":"t","type":"webhook","rate":{"a":1},"timeout":5}`, []string{`rate: wants a rate, found keys and values`, `timeout: `}},
		{"registry", `{"name":"x","type":"distribution","auth":{"bearer":5}}`, []string{`auth.bearer: wants text, found the number: give the secret itself`}},
		{"registry", `{"name":"x","type":"distribution","auth":{"bearer":{"file":"/etc/passwd"}}}`, []string{`auth.bearer: names a file of the machine`}},
		{"registry", `{"name":"x","type":"distribution","auth":"hunter2"}`, []string{`auth: wants keys and values, found text`}},
		{"registry", `{"name":"bellbuoy","type":"distribution"}`, []string{`name: "bellbuoy" is the registry that bellbuoy's own events are from`}},
		{"registry", `{"name":"x","type":"distribution","auth":{"client_ca":"/x"}}`, []string{`auth.client_ca: names a file of the machine`}},
		{"user", `{}`, []string{`"user" is nothing that can be made: make one of registry, rule, target`}},
	} {
		_, got := made(t, registry+target, x.kind, x.text)
		if len(got) != len(x.want) || slices.ContainsFunc(x.want, func(w string) bool {
			return !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) })
		}) {
			t.Errorf("%s %.80s: %q, want %q", x.kind, x.text, got, x.want)
		}
		for _, g := range got {
			if strings.Contains(g, "hunter2") {
				t.Error(g)
			}
		}
	}
}

// Where others can connect, a registry that is made needs auth as one of a file does.
func TestMadeRegistryNeedsAuth(t *testing.T) {
	_, got := made(t, "listen: 0.0.0.0:5080\n", "registry", `{"name":"x","type":"distribution"}`)
	if len(got) != 1 || !strings.HasPrefix(got[0], "auth: is missing, and listen (0.0.0.0:5080) can be reached from outside") {
		t.Errorf("%q", got)
	}
	if _, got := made(t, "listen: 0.0.0.0:5080\n", "registry", `{"name":"x","type":"distribution","auth":{"bearer":"b"}}`); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// FuzzMake gives whatever it is given: there is a fault, or it can be shown.
func FuzzMake(f *testing.F) {
	for _, s := range []string{`{}`, `{"name":"a","type":"webhook","options":{"a":[1,null,"\u0000"]}}`, `{"name":"r","deliver":[{"target":"a","template":{"json":{}}}],"tag":["a"]}`, `[[[`, `{"a":{"env":"X"}}`} {
		f.Add("target", s)
		f.Add("rule", s)
		f.Add("registry", s)
	}
	c := Default()
	f.Fuzz(func(t *testing.T, kind, text string) {
		m, faults := Make(kind, []byte(text))
		if faults.Failed() {
			return
		}
		b := c.Beyond(known)
		b.Refer(nil, []string{"a"})
		_ = append(b.Check(m), b.References(m)...)
		if m.Target != nil && !json.Valid(m.Target.Options) {
			t.Errorf("the options of %s are %s", text, m.Target.Options)
		}
		_ = c.With([]*Made{m})
	})
}
