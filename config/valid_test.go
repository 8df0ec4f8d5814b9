package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/schema"
)

func validator(t *testing.T) *schema.Validator {
	t.Helper()
	v, err := schema.Compile([]byte(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// valid checks a configuration as an editor does.
func valid(v *schema.Validator, text []byte) error {
	doc, err := toJSON(text)
	if err != nil {
		return err
	}
	return v.Validate(doc)
}

// toJSON writes the first document of some YAML as JSON.
func toJSON(text []byte) ([]byte, error) {
	var doc any
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return json.Marshal(texts(doc))
}

// texts makes texts of all keys, as JSON has no others.
func texts(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := map[string]any{}
		for key, value := range v {
			out[fmt.Sprint(key)] = texts(value)
		}
		return out
	case map[string]any:
		for key, value := range v {
			v[key] = texts(value)
		}
	case []any:
		for i, value := range v {
			v[i] = texts(value)
		}
	}
	return v
}

// check does what the command does with a file of this text.
func check(t *testing.T, text []byte) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bb.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err := app.Check(t.Context(), app.Files{Config: file}, &out)
	return strings.ReplaceAll(out.String(), file, "FILE"), err
}

// tokens sets the variables that the examples name.
func tokens(t *testing.T) {
	for _, name := range []string{"HUB_TOKEN", "HUB_TOKEN_NEXT", "OPS_TOKEN", "DEPLOY_TOKEN", "OIDC_SECRET", "CI_TOKEN", "CI_SECRET", "DINGTALK_SECRET", "FEISHU_SECRET", "HIPCHAT_TOKEN", "FLOWDOCK_TOKEN", "SMTP_PASSWORD"} {
		t.Setenv(name, name+"-s3cret-s3cret")
	}
	for _, name := range []string{"DINGTALK_URL", "FEISHU_URL", "WECOM_URL", "SLACK_URL", "TEAMS_URL", "DISCORD_URL"} {
		t.Setenv(name, "https://host.example/hook/webhooks/1/t0ken?access_token=s3cret&key=s3cret&sig=s3cret")
	}
	t.Setenv("NTFY_URL", "ntfy://host.example/topic")
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const fullExample = "../examples/bellbuoy.full.yml"

// An editor finds nothing wrong with the examples, nor does the command, and the editor
// finds the schema by their first lines.
func TestExamples(t *testing.T) {
	tokens(t)
	v := validator(t)
	files := 0
	for _, pattern := range []string{"../examples/bellbuoy*.yml", "../examples/*/bellbuoy*.yml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			files++
			text := read(t, file)
			if err := valid(v, text); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if out, err := check(t, text); err != nil || strings.Count(out, "\n") != 1 {
				t.Errorf("%s: %v\n%s", file, err, out)
			}
			line, _, _ := strings.Cut(string(text), "\n")
			at, ok := strings.CutPrefix(line, "# yaml-language-server: $schema=")
			if !ok || !sameFile(filepath.Join(filepath.Dir(file), at), schemaFile) {
				t.Errorf("%s: the first line is %q, which does not name the schema", file, line)
			}
		}
	}
	if files < 3 {
		t.Errorf("found %d examples", files)
	}
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// What the pages show of a configuration is one, whole or a part that starts at the top.
func TestPages(t *testing.T) {
	tokens(t)
	v := validator(t)
	pages := []string{"../README.md"}
	for _, pattern := range []string{"../docs/*.md", "../docs/targets/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	shown, whole := 0, 0
	for _, page := range pages {
		for i, m := range yamlBlock.FindAllStringSubmatch(string(read(t, page)), -1) {
			text := []byte(m[1])
			var list []any
			if err := yaml.Unmarshal(text, &list); err == nil { // of rules
				text = append([]byte("rules:\n"), text...)
			}
			var doc map[string]yaml.Node
			if err := yaml.Unmarshal(text, &doc); err != nil {
				continue // lines from anywhere
			}
			if section, ok := doc["bellbuoy"]; ok { // in a registry's own file
				var err error
				if text, err = yaml.Marshal(&section); err != nil {
					t.Fatal(err)
				}
			} else if _, ok := doc["rules"]; !ok {
				continue
			}
			shown++
			if err := valid(v, text); err != nil {
				t.Errorf("%s, block %d: %v", page, i+1, err)
			}
			if _, ok := doc["registries"]; ok {
				whole++
				if out, err := check(t, text); err != nil {
					t.Errorf("%s, block %d: %v\n%s", page, i+1, err, out)
				}
			}
		}
	}
	if shown < 10 || whole < 3 {
		t.Errorf("the pages have %d parts, %d of them whole", shown, whole)
	}
}

// beyond are the bad configurations that are well formed: what is wrong with them no
// schema can say, or it is no error.
var beyond = []string{
	"second document", "bad second document", "date for text", "binary for text",
	"endless duration", "endless sum",
	"store without a database", "store with a bad URL", "store with its password",
	"a small store and fast rates", "hold too long", "timeout too short", "timeout too long", "give up at once", "long delay", "restless schedule",
	"duplicate names", "registry named as our own", "unknown target", "unknown target, none near", "unknown target, none at all", "target twice", "unknown registry",
	"a type that has to be allowed", "bad port", "admin from outside", "one address for both", "no auth", "empty auth",
	"secret in the file", "secret in a list",
	"missing variable", "missing variable in options", "empty variable", "missing file", "empty file", "large file", "folder", "open file",
	"bearer with a line break", "bearer of a list with a line break",
	"a weak token", "a token with a blank", "tokens of one name", "tokens of one secret", "reachable over http", "a certificate that is not there",
	"bad hosts", "hosts that do nothing", "no htpasswd", "an htpasswd of old hashes", "an htpasswd of odd lines", "an empty htpasswd", "an open htpasswd",
	"roles of no users", "a token named as a user", "an issuer with credentials", "an issuer over http", "an issuer's description", "nowhere to come back to", "another's place to come back to",
}

// An editor finds what is wrong with the shape of a configuration, and names nothing
// wrong where only the command can know.
func TestSchemaOfBadConfigs(t *testing.T) {
	v := validator(t)
	left := slices.Clone(beyond)
	for _, bad := range append(config.BadConfigs(), config.BadAccess()...) {
		// The targets of the table have no address or command, which is not what is wrong there.
		text := strings.NewReplacer(
			"type: webhook}", `type: webhook, options: {url: "http://x"}}`,
			"type: exec}", `type: exec, options: {command: [/bin/true]}}`,
			"type: webhook, ", `type: webhook, options: {url: "http://x"}, `,
			"options: {", `options: {url: "http://x", `,
			"options: \n    headers", "options: \n    url: http://x\n    headers",
		).Replace(bad.Text)
		err := valid(v, []byte(text))
		i := slices.Index(left, bad.Name)
		switch {
		case i < 0 && err == nil:
			t.Errorf("%s: is valid:\n%s", bad.Name, text)
		case i >= 0 && err != nil:
			t.Errorf("%s: %v", bad.Name, err)
		}
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	if len(left) > 0 {
		t.Errorf("the table lacks %q", left)
	}
}
