package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CI_TOKEN", "from-env")
	if err := os.WriteFile(filepath.Join(dir, "hub"), []byte("from-file\r\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bellbuoy.yml")
	text := `
listen: "[::1]:5080"
admin: {listen: localhost:0}
metrics: open
store: /var/lib/bb.db
retention: {age: 3d, size: 1.5GiB}
keep: [blob.pulled]
people: {teams: {platform: [alice, 鲍勃], "a b": []}, organizations: {acme: [alice]}}
registries:
  - {name: hub, type: distribution, auth: {bearer: {file: hub}}}
  - {name: two, type: distribution, auth: [{bearer: {file: hub}}, {bearer: {env: CI_TOKEN}}]}
targets:
  - name: ci
    type: webhook
    options: {url: "https://ci/?a=1&b=<2>", headers: {X-Token: {env: CI_TOKEN}}, secrets: [plain, {file: hub}]}
    order: none
    hold: 0
    timeout: 1m
    concurrency: 4
    retry: {schedule: [0s, 1.5s], give_up_after: 1d12h}
    rate: 20/m
    digest: {after: 10}
    park_for: 1h
    disable_after: 3
    mode: shadow
  - {name: bare, type: webhook}
rules:
  - name: a
    description: 生产发布
    events: ["build.*"]
    scope: {registries: [hub], namespaces: [prod], repositories: ["x/**"]}
    tag: {regex: v.*}
    deliver: [ci, {target: bare}]
  - {name: b, enabled: false, deliver: [ci]}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, faults := Load(path, known)
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	at := func(line int) Pos { return Pos{path, line} }
	file, env := NewSecret("from-file"), NewSecret("from-env")
	bare := defaultTarget()
	bare.Name, bare.Type, bare.Pos = "bare", "webhook", at(26)
	want := &Config{
		Listen:    "[::1]:5080",
		Admin:     Admin{Listen: "localhost:0"},
		Metrics:   "open",
		Store:     "/var/lib/bb.db",
		Retention: Retention{Duration(72 * time.Hour), 3 << 29},
		Keep:      []string{"blob.pulled"},
		People:    People{Groups{"platform": {"alice", "鲍勃"}, "a b": {}}, Groups{"acme": {"alice"}}},
		Registries: []Registry{
			{Name: "hub", Type: "distribution", Auth: AuthList{{Bearer: &file}}, Pos: at(10)},
			{Name: "two", Type: "distribution", Auth: AuthList{{Bearer: &file}, {Bearer: &env}}, Pos: at(11)},
		},
		Targets: []Target{
			{
				Name: "ci", Type: "webhook",
				Options:     json.RawMessage(`{"url":"https://ci/?a=1&b=<2>","headers":{"X-Token":"from-env"},"secrets":["plain","from-file"]}`),
				SecretPaths: []string{"headers.X-Token", "secrets.1"},
				Order:       "none",
				Timeout:     Duration(time.Minute),
				Concurrency: 4,
				Retry:       Retry{[]Duration{0, Duration(1500 * time.Millisecond)}, Duration(36 * time.Hour)},
				Rate:        &Rate{20, Duration(time.Minute)},
				Digest:      &Digest{10},
				ParkFor:     Duration(time.Hour), DisableAfter: 3, Mode: "shadow",
				Pos: at(13),
			},
			bare,
		},
		Rules: []Rule{
			{
				Name: "a", Description: "生产发布", Enabled: true,
				Events:  []string{"build.*"},
				Scope:   Scope{[]string{"hub"}, []string{"prod"}, []string{"x/**"}},
				Tag:     &Tag{Names: Names{Regex: "v.*"}},
				Deliver: []Deliver{{Target: "ci"}, {Target: "bare"}},
				Pos:     at(28),
			},
			{Name: "b", Deliver: []Deliver{{Target: "ci"}}, Pos: at(34)},
		},
		file:  path,
		lines: c.lines,
		reads: c.reads, // TestReads
	}
	for i := range max(len(c.Targets), len(want.Targets)) {
		if got, want := plain(c.Targets[i]), plain(want.Targets[i]); !reflect.DeepEqual(got, want) {
			t.Errorf("target %d:\n got %+v\nwant %+v", i, got, want)
		}
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
}

// plain is t without the methods that hide its options from the test's output.
func plain(t Target) any {
	type bare Target
	return struct {
		bare
		Options string
	}{bare(t), string(t.Options)}
}

func TestDefaults(t *testing.T) {
	c, faults := Parse("bb.yml", []byte("targets: [{name: ci, type: webhook}]\nrules:\nregistries: # none yet\n"), known)
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	if c.Listen != "127.0.0.1:5080" || c.Admin.Listen != "127.0.0.1:5081" || c.Store != "./bellbuoy.db" || len(c.Keep) != 0 || len(c.Registries) != 0 {
		t.Errorf("got %+v", c)
	}
	var schedule []string
	for _, d := range c.Targets[0].Retry.Schedule {
		schedule = append(schedule, d.String())
	}
	if got, want := strings.Join(schedule, " "), "0s 5s 30s 2m 10m 30m 1h 2h 4h 8h"; got != want {
		t.Errorf("schedule %s, want %s", got, want)
	}
	target := c.Targets[0]
	if got := []string{target.Retry.GiveUpAfter.String(), target.Hold.String(), target.Timeout.String(), string(target.Options)}; !reflect.DeepEqual(got, []string{"72h", "5m", "15s", "{}"}) {
		t.Errorf("give_up_after, hold, timeout, options are %q", got)
	}
}

func TestDefaultIsSound(t *testing.T) {
	c := Default()
	types := []string{"distribution", "harbor", "quay"}
	if faults := c.check(Known{RegistryTypes: types, TargetTypes: []string{"inbox"}}); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
	var got []string
	for _, r := range c.Registries {
		if got = append(got, r.Type); r.Name != r.Type {
			t.Errorf("the registry of type %s is called %s", r.Type, r.Name)
		}
	}
	if !reflect.DeepEqual(got, types) || len(c.Targets) != 1 || len(c.Rules) != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yml")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, want string }{
		{filepath.Join(dir, "none.yml"), "DIR/none.yml: there is no such file: correct the path, or write the file"},
		{dir, "DIR: cannot be read: is a directory"},
		{large, "DIR/large.yml: is larger than 16 MiB: name bellbuoy's configuration"},
	}
	for _, tt := range tests {
		c, faults := Load(tt.path, known)
		if c == nil || len(faults) != 1 {
			t.Fatalf("%s: got %v, %v", tt.path, c, faults)
		}
		if got := strings.ReplaceAll(faults.Err().Error(), dir, "DIR"); got != tt.want {
			t.Errorf("got %s\nwant %s", got, tt.want)
		}
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	t.Setenv("CI_TOKEN", "s3cret")
	text := `
targets:
  - &base
    name: a
    type: &kind webhook
    timeout: &t 3s
    retry: &retry {schedule: [*t], give_up_after: 1h}
    options: &options {headers: &headers {X-Token: {env: CI_TOKEN}, A: "1"}}
  - <<: *base
    name: b
    timeout: 4s
    options: {<<: *options, url: x}
  - {name: c, type: *kind, retry: {<<: [{give_up_after: 2h}, *retry]}, options: {h: {<<: *headers, A: "2"}}}
`
	c, faults := Parse("bb.yml", []byte(text), known)
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	b, last := c.Targets[1], c.Targets[2]
	if b.Name != "b" || b.Type != "webhook" || b.Timeout.String() != "4s" || b.Retry.GiveUpAfter.String() != "1h" {
		t.Errorf("b is %+v", plain(b))
	}
	if want := `{"url":"x","headers":{"X-Token":"s3cret","A":"1"}}`; string(b.Options) != want {
		t.Errorf("options of b are %s, want %s", b.Options, want)
	}
	if got := last.Retry; got.GiveUpAfter.String() != "2h" || len(got.Schedule) != 1 || got.Schedule[0].String() != "3s" {
		t.Errorf("retry of c is %v", got)
	}
	if want := `{"h":{"A":"2","X-Token":"s3cret"}}`; string(last.Options) != want {
		t.Errorf("options of c are %s, want %s", last.Options, want)
	}
	if want := []string{"h.X-Token"}; !reflect.DeepEqual(last.SecretPaths, want) {
		t.Errorf("secrets of c are %q, want %q", last.SecretPaths, want)
	}
}

// Ten anchors of ten aliases each are ten thousand million values, and no work.
func TestAliasBombs(t *testing.T) {
	for _, item := range []string{"[%s]", "{a: %s}", "{<<: [%s]}"} {
		var b strings.Builder
		b.WriteString("targets:\n- {name: ci, type: webhook, options: {a0: &a0 {x: 1}}}\n")
		for i := 1; i <= 10; i++ {
			alias := "*a" + string(rune('0'+i-1))
			list := strings.TrimSuffix(strings.Repeat(alias+" , ", 10), ", ")
			if strings.HasPrefix(item, "{a") {
				list = "[" + list + "]"
			}
			anchor := "&a" + string(rune('0'+i%10))
			b.WriteString("- {name: ci, type: webhook, options: {a: " + anchor + " " + strings.ReplaceAll(item, "%s", list) + "}}\n")
		}
		_, faults := Parse("bb.yml", []byte(b.String()), known)
		found := 0
		for _, f := range faults {
			if f.Message == "aliases blow the file up to many times its size: write the values out" {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: said %d times: %v", item, found, faults)
		}
	}
}

func TestExamplesLoad(t *testing.T) {
	for _, name := range []string{"HUB_TOKEN", "HUB_TOKEN_NEXT", "OPS_TOKEN", "DEPLOY_TOKEN", "OIDC_SECRET", "CI_TOKEN", "CI_SECRET", "DINGTALK_SECRET", "FEISHU_SECRET", "HIPCHAT_TOKEN", "FLOWDOCK_TOKEN", "SMTP_PASSWORD"} {
		t.Setenv(name, name+"-s3cret-s3cret")
	}
	for _, name := range []string{"DINGTALK_URL", "FEISHU_URL", "WECOM_URL", "SLACK_URL", "TEAMS_URL", "DISCORD_URL"} {
		t.Setenv(name, "https://host.example/hook/webhooks/1/t0ken?access_token=s3cret&key=s3cret&sig=s3cret")
	}
	t.Setenv("NTFY_URL", "ntfy://host.example/topic")
	for _, pattern := range []string{"../examples/bellbuoy*.yml", "../examples/*/bellbuoy*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: found %q, %v", pattern, files, err)
		}
		for _, file := range files {
			if _, faults := Load(file, Known{RegistryTypes: known.RegistryTypes}); len(faults) > 0 {
				t.Errorf("%v", faults)
			}
		}
	}
}
