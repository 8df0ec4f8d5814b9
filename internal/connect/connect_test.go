package connect

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hard is a secret with all that a shell and YAML take for something else.
const hard = `it's "$HOME" \ : # & 100%`

func secret(s string) *config.Secret { v := config.NewSecret(s); return &v }

func registry(name, typ string, auth ...config.Auth) config.Registry {
	return config.Registry{Name: name, Type: typ, Auth: auth, Pos: config.Pos{File: "bb.yml", Line: 7}}
}

var (
	bearer = config.Auth{Bearer: secret("s3cret")}
	basic  = config.Auth{Basic: &config.Basic{User: "hub", Password: secret("s3cret")}}
	header = config.Auth{Header: &config.Header{Name: "X-Registry-Token", Value: secret(hard)}}
	path   = config.Auth{Path: secret("p4th:")}
	cert   = config.Auth{ClientCA: &config.CA{File: "ca.pem"}}
)

// cases are what is printed, by the name of its golden file.
func cases() map[string]Options {
	const local, far = "http://127.0.0.1:5080", "https://bellbuoy.example.com/bb/"
	all := registry("hub", "distribution", header, basic, path)
	all.All = true
	return map[string]Options{
		"distribution-open":         {Registry: registry("hub", "distribution"), URL: local},
		"distribution-bearer":       {Registry: registry("hub", "distribution", cert, bearer, basic), URL: local},
		"distribution-bearer-shown": {Registry: registry("hub", "distribution", bearer), URL: local, ShowSecrets: true},
		"distribution-basic":        {Registry: registry("hub", "distribution", basic), URL: far},
		"distribution-header-shown": {Registry: registry("hub", "distribution", header), URL: far, ShowSecrets: true},
		"distribution-path-shown":   {Registry: registry("hub", "distribution", path), URL: local, ShowSecrets: true},
		"distribution-all-shown":    {Registry: all, URL: local, ShowSecrets: true},
		"harbor-open":               {Registry: registry("harbor", "harbor"), URL: local},
		"harbor-bearer":             {Registry: registry("goals", "harbor", header, bearer), URL: far, Plain: true},
		"harbor-basic-shown":        {Registry: registry("goals", "harbor", basic), URL: far, ShowSecrets: true},
		"harbor-hard-shown":         {Registry: registry("goals", "harbor", config.Auth{Header: &config.Header{Name: "authorization", Value: secret(hard)}}), URL: far, ShowSecrets: true},
		"harbor-path":               {Registry: registry("goals", "harbor", path), URL: far},
		"quay-open":                 {Registry: registry("quay", "quay"), URL: local},
		"quay-path":                 {Registry: registry("red", "quay", bearer, path), URL: far},
		"quay-path-shown":           {Registry: registry("red", "quay", path), URL: far, ShowSecrets: true},
		"quay-certificate":          {Registry: registry("red", "quay", cert), URL: far},
		"quay-template":             {Registry: registry("red", "quay", path), URL: far, Template: true},
	}
}

func write(t *testing.T, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	for name, o := range cases() {
		t.Run(name, func(t *testing.T) {
			got := write(t, o)
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			for _, secret := range []string{"s3cret", "p4th", "czNjcmV0", "$HOME"} {
				if !o.ShowSecrets && strings.Contains(got, secret) {
					t.Errorf("shows %q unasked", secret)
				}
			}
		})
	}
}

// call is a run of curl.
type call []string

// value returns what follows option, and whether it is there.
func (c call) value(option string) string {
	for i := range len(c) - 1 {
		if c[i] == option {
			return c[i+1]
		}
	}
	return ""
}

// run gives a script to a real shell, in which curl only notes how it is called.
func run(t *testing.T, script string, env ...string) []call {
	t.Helper()
	dir := t.TempDir()
	const curl = "#!/bin/sh\nprintf '%s\\0' \"$@\" >>\"$CALLS\"\nprintf '\\n\\0' >>\"$CALLS\"\n"
	if err := os.WriteFile(filepath.Join(dir, "curl"), []byte(curl), 0o700); err != nil {
		t.Fatal(err)
	}
	calls := filepath.Join(dir, "calls")
	cmd := exec.CommandContext(t.Context(), "sh", "-eu")
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = append([]string{"CALLS=" + calls, "PATH=" + dir + ":" + os.Getenv("PATH")}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	noted, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	var list []call
	var one call
	for word := range strings.SplitSeq(strings.TrimSuffix(string(noted), "\x00"), "\x00") {
		if word == "\n" {
			list, one = append(list, one), nil
			continue
		}
		one = append(one, word)
	}
	return list
}

// decode reads the JSON that is posted, which may have no other key.
func decode(t *testing.T, text string, v any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// What is printed for Harbor's API is what a shell gives to curl.
func TestHarborScript(t *testing.T) {
	calls := run(t, write(t, cases()["harbor-hard-shown"]), "HARBOR=https://h", "PROJECT=42", "HARBOR_USER=me")
	if len(calls) != 1 {
		t.Fatalf("%d calls: %q", len(calls), calls)
	}
	c := calls[0]
	if c.value("-u") != "me" || !strings.Contains(strings.Join(c, " "), " https://h/api/v2.0/projects/42/webhook/policies ") {
		t.Errorf("called with %q", c)
	}
	var p harborPolicy
	decode(t, c.value("-d"), &p)
	want := harborPolicy{
		Name: "bellbuoy", Description: "all events to bellbuoy", Enabled: true, EventTypes: harborEvents,
		Targets: []harborTarget{{Type: "http", Address: "https://bellbuoy.example.com/bb/in/goals", AuthHeader: hard, PayloadFormat: "CloudEvents"}},
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Each event has its notification; in a template an expression is the whole string, so
// that lists and numbers keep their type.
func TestQuayScript(t *testing.T) {
	for _, name := range []string{"quay-path-shown", "quay-template"} {
		calls := run(t, write(t, cases()[name]), "QUAY=https://q", "QUAY_TOKEN=t0k", "REPOSITORY=a/b/c", "ORGANIZATION=a")
		if len(calls) != len(quayEvents) {
			t.Fatalf("%s: %d calls", name, len(calls))
		}
		for i, c := range calls {
			e := quayEvents[i]
			where := "https://q/api/v1/repository/a/b/c/notification/"
			if e.organization {
				where = "https://q/api/v1/organization/a/notifications"
			}
			if c[1] != where || c.value("-H") != "Authorization: Bearer t0k" {
				t.Errorf("%s: called with %q", e.name, c)
			}
			var n quayNotification
			decode(t, c.value("-d"), &n)
			if n.Event != e.name || n.Method != "webhook" || n.EventConfig == nil {
				t.Errorf("%s: posts %+v", e.name, n)
			}
			if name == "quay-path-shown" {
				if want := "https://bellbuoy.example.com/bb/in/red/-/p4th:/" + e.name; n.Config.URL != want || n.Config.Template != "" {
					t.Errorf("%s: posts %+v", e.name, n.Config)
				}
				continue
			}
			var body map[string]string
			decode(t, n.Config.Template, &body)
			if body["event"] != e.name || len(body) != 1+len(e.common())+len(e.keys) || n.Config.URL != "https://bellbuoy.example.com/bb/in/red/-/SECRET" {
				t.Errorf("%s: posts %+v", e.name, n.Config)
			}
			for key, value := range body {
				if key != "event" && value != "${"+key+"}" {
					t.Errorf("%s: %s is %s", e.name, key, value)
				}
			}
		}
	}
}

func TestWriteFaults(t *testing.T) {
	const far = "http://bellbuoy:5080"
	all := registry("hub", "harbor", bearer, header)
	all.All = true
	const noURL = "no http or https URL of bellbuoy: write one such as http://bellbuoy.example.com:5080"
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Registry: registry("hub", "distribution", cert), URL: far}, `bb.yml:7: Distribution cannot show what auth of registry "hub" asks for: add {bearer: {file: PATH}} to it, any one suffices`},
		{Options{Registry: registry("hub", "harbor", header, cert), URL: far}, `bb.yml:7: Harbor cannot show what auth of registry "hub" asks for: add {bearer: {file: PATH}} to it, any one suffices`},
		{Options{Registry: all, URL: far}, `bb.yml:7: Harbor cannot show what auth of registry "hub" asks for: add {bearer: {file: PATH}} to it, any one suffices`},
		{Options{Registry: registry("hub", "quay", bearer), URL: far}, `bb.yml:7: Quay cannot show what auth of registry "hub" asks for: add {path: {file: PATH}} to it, any one suffices`},
		{Options{Registry: registry("hub", "tcr"), URL: far}, `there is nothing to print for a registry of type tcr: have it post to http://bellbuoy:5080/in/hub`},
		{Options{Registry: registry("hub", "quay"), URL: "bellbuoy:5080"}, noURL},
		{Options{Registry: registry("hub", "quay"), URL: "http://"}, noURL},
		{Options{Registry: registry("hub", "quay"), URL: "http://a:b@bellbuoy"}, noURL},
		{Options{Registry: registry("hub", "quay"), URL: "http://bellbuoy?x"}, noURL},
	} {
		var b bytes.Buffer
		if err := Write(&b, tt.o); err == nil || err.Error() != tt.want || b.Len() > 0 {
			t.Errorf("got %v and %q, want %s", err, b.String(), tt.want)
		}
	}
}
