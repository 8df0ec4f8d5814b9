package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a file has is shown as it is written, without its secrets, and is what one may give
// to have the same made again.
func TestWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bellbuoy.yml")
	text := `registries:
  - {name: hub, type: distribution, auth: [{bearer: canary1}, {basic: {user: reg, password: canary2}}], url: "http://registry:5000"}
targets:
  - name: ci
    type: webhook
    options: {url: "https://ci.example.com/hook", headers: {X-A: b}}
    rate: 20/1m
    hold: 2m
    template: {json: {text: "${id}"}}
rules:
  - {name: all, description: 生产, enabled: false, tag: {regex: "1.*", untagged: match}, expires_in: 7d, deliver: [ci, {target: ci, format: tcr}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, faults := Load(file, Known{})
	if c == nil {
		t.Fatal(faults)
	}
	for _, w := range []struct {
		kind, name, want string
		line             int
	}{
		{"registry", "hub", `{"auth":[{"bearer":"********"},{"basic":{"password":"********","user":"reg"}}],"name":"hub","type":"distribution","url":"http://registry:5000"}`, 2},
		{"target", "ci", `{"hold":"2m","name":"ci","options":{"headers":{"X-A":"b"},"url":"https://ci.example.com/hook"},"rate":"20/1m","template":{"json":{"text":"${id}"}},"type":"webhook"}`, 4},
		{"rule", "all", `{"deliver":["ci",{"format":"tcr","target":"ci"}],"description":"生产","enabled":false,"expires_in":"168h","name":"all","tag":{"regex":"1.*","untagged":"match"}}`, 11},
	} {
		body, pos := c.Written(w.kind, w.name)
		got, err := json.Marshal(body)
		if err != nil || string(got) != w.want || pos.Line != w.line || pos.File != file {
			t.Errorf("%s: %s at %s, %v\nwant %s", w.kind, got, pos, err, w.want)
		}
		if strings.Contains(string(got), "canary") {
			t.Errorf("%s shows a secret", w.kind)
		}
	}
	for _, none := range [][2]string{{"rule", "none"}, {"target", "all"}, {"house", "all"}} {
		if body, _ := c.Written(none[0], none[1]); body != nil {
			t.Errorf("%v is %v", none, body)
		}
	}
}
