package message

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const pushed = `{
	"v": 1, "type": "artifact.pushed", "time": "2026-11-21T07:30:00.5Z",
	"repository": {"namespace": "prod", "full_name": "prod/api"},
	"artifact": {"digest": "sha256:5f5f5f5f5f5f5f5f5f5f", "tags": ["v1.2.3", "latest"], "size": 1573,
		"platforms": [{"os": "linux", "architecture": "arm64"}, {"os": "linux", "architecture": "amd64"}]},
	"scan": {"counts": {"critical": 2}, "severity": "critical"},
	"quota": {"percent": 90.5},
	"actor": {"name": "<alice>"}
}`

// angles is an escaper that shows where it was.
func angles(s string) string { return "‹" + s + "›" }

func execute(t testing.TB, text string, escape func(string) string) string {
	t.Helper()
	parsed, err := Parse(text, escape)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, err := parsed.Execute(t.Context(), json.RawMessage(pushed))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func TestExecute(t *testing.T) {
	for text, want := range map[string]string{
		"":              "",
		"a < b":         "a < b",
		"{{/* why */}}": "",
		"{{.repository.full_name}} by {{.actor.name}}":                                                      "prod/api by <alice>",
		"{{.artifact.tags}} {{join `/` .artifact.tags}}":                                                    "v1.2.3, latest v1.2.3/latest",
		"{{.artifact.size}} {{.quota.percent}} {{.v}}":                                                      "1573 90.5 1",
		"{{.scan.counts}} {{.scan.counts.high}} {{.scan.counts.critical}}":                                  `{"critical":2}  2`,
		"{{range .artifact.platforms}}{{.os}}/{{.architecture}}{{.variant}} {{end}}":                        "linux/arm64 linux/amd64 ",
		"{{range $i, $t := .artifact.tags}}{{if $i}}, {{end}}{{$t}} of {{$.type}}{{end}}":                   "v1.2.3 of artifact.pushed, latest of artifact.pushed",
		"{{range .artifact.tags}}{{if eq . `latest`}}{{continue}}{{end}}{{.}}{{break}}{{end}}":              "v1.2.3",
		"{{range .artifact.subject}}x{{else}}none: {{.type}}{{end}}":                                        "none: artifact.pushed",
		"{{with .build}}{{.id}}{{else}}no build{{end}}":                                                     "no build",
		"{{with .artifact}}{{.digest | short}}{{end}}":                                                      "sha256:5f5f5f5f5f5f",
		"{{.build.commit.ref}}|{{.build.commit.ref | default `no ref`}}":                                    "|no ref",
		"{{index .artifact.tags 1}}{{index .artifact.tags 7}}{{index .artifact.platforms 0 `os`}}":          "latestlinux",
		"{{len .artifact.tags}} {{len .build.tags}} {{len .repository.full_name}}":                          "2 0 8",
		"{{if and (gt .artifact.size 1000) (lt .quota.percent 91)}}large{{end}}":                            "large",
		"{{if or (gt .build.url 1) (le .replication.status `x`)}}x{{else}}missing is no order{{end}}":       "missing is no order",
		"{{ge 2 2}} {{le `a` `b`}} {{ne 1 1.0}} {{eq .scan.severity `high` `critical`}} {{eq .reason nil}}": "true true false true true",
		"{{not .reason}} {{upper `a`}}{{lower `B`}} {{trunc 4 `abcdef`}} {{trunc 9 `abc`}}":                 "true Ab abc… abc",
		"{{date `2006-01-02 15:04` .time}} {{date `2006` .type}}":                                           "2026-11-21 07:30 artifact.pushed",
		"{{json .scan}} {{json `</é>`}}":                                                                    `{"counts":{"critical":2},"severity":"critical"} "</é>"`,
		"{{print .v ` ` .type}} {{printf `%.1f %5s|` .quota.percent `x`}}":                                  "1 artifact.pushed 90.5     x|",
		"{{$x := .type}}{{$x = `y`}}{{$x}}":                                                                 "y",
	} {
		if got := execute(t, text, func(s string) string { return s }); got != want {
			t.Errorf("%s\n  is %q\nwant %q", text, got, want)
		}
	}
}

func TestEveryValueIsEscapedOnce(t *testing.T) {
	for text, want := range map[string]string{
		"[{{.type}}]":                                        "[‹artifact.pushed›]",
		"{{.artifact.size}}":                                 "‹1573›",
		"{{range .artifact.tags}}[{{.}}]{{end}}":             "[‹v1.2.3›][‹latest›]",
		"{{range $t := .artifact.tags}}{{$t}}{{end}}":        "‹v1.2.3›‹latest›",
		"{{if .type}}{{with .actor}}{{.name}}{{end}}{{end}}": "‹<alice>›",
		"{{.build}}":                                  "‹›",
		"{{print `<` .type | upper}}":                 "‹<ARTIFACT.PUSHED›",
		"{{json .actor}}":                             `‹{"name":"<alice>"}›`,
		"{{$x := .type}}{{if $y := $x}}{{$y}}{{end}}": "‹artifact.pushed›",
		"{{with $x := .type}}{{else}}{{.}}{{end}}":    "",
	} {
		if got := execute(t, text, angles); got != want {
			t.Errorf("%s\n  is %q\nwant %q", text, got, want)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"a\n{{.type":                                    "line 2: unclosed action",
		"{{foo .type}}":                                 `line 1: function "foo" not defined`,
		"{{html .type}}":                                `line 1: there is no function "html": there are and, date, default, eq, ge, gt, index, join, json, le, len, lower, lt, ne, not, or, print, printf, short, trunc and upper`,
		"{{if call .type}}{{end}}":                      `there is no function "call"`,
		"{{_escape .type}}":                             `there is no function "_escape"`,
		"{{range (_turn)}}{{end}}":                      `there is no function "_turn"`,
		"{{define `x`}}{{end}}":                         "defines a template within itself",
		"{{define `x`}}{{end}}a":                        "defines a template within itself",
		"{{block `x` .}}{{end}}":                        "defines a template within itself",
		"{{template `message` .}}":                      "line 1: has a template within itself",
		"\n\n{{.repositry.name}}":                       "line 3: .repositry is in no event: there are v, id, type,",
		"{{.Type}}":                                     "line 1: .Type is in no event: write type",
		"{{.repository.FullName}}":                      "line 1: .repository.FullName is in no event: write full_name",
		"{{range .artifact.tags}}{{$.artefact}}{{end}}": "line 1: .artefact is in no event",
		"{{.artifact.tags.first}}":                      "line 1: .artifact.tags is a list, which has no fields: use range, index or join",
		"{{.time.year}}":                                "line 1: .time is a single value, which has no fields",
		strings.Repeat("x", 65537):                      "has 65537 bytes, at most 65536 are taken: make it shorter",
	} {
		if _, err := Parse(text, Plain); err == nil || !strings.HasPrefix(err.Error(), want) && !strings.Contains(err.Error(), ": "+want) {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
	}
}

// What a template could do without end has one.
func TestExecuteIsBounded(t *testing.T) {
	for text, want := range map[string]string{
		"{{range 1000000000}}{{end}}":                                                         "line 1:8: executing \"message\" at <_turn>: error calling _turn: its loops turn more than 10000 times",
		"{{range 200}}{{range 200}}{{end}}{{end}}":                                            "its loops turn more than 10000 times",
		"{{range 9999}}{{print `" + strings.Repeat("x", 100) + "`}}{{end}}":                   "the message would be larger than 256 KiB",
		"{{$x := `xxxxxxxx`}}{{range 40}}{{$x = print $x $x}}{{end}}":                         "the message would be larger than 256 KiB",
		"{{$x := ``}}{{range 9999}}{{$x = print `" + strings.Repeat("x", 1000) + "`}}{{end}}": "the message would be larger than 256 KiB",
		"{{printf `%9999d` 1}}":                                                               "printf takes widths up to 999",
		"{{printf `%*d` 9999 1}}":                                                             "printf takes widths up to 999",
		"{{join `" + strings.Repeat("x", 60000) + "` (index .artifact `tags`)}}{{range 9}}{{.}}{{json $}}{{end}}{{range 5000}}{{json $}}{{end}}": "the message would be larger than 256 KiB",
	} {
		parsed, err := Parse(text, Plain)
		if err != nil {
			t.Fatalf("%.80s: %v", text, err)
		}
		if _, err := parsed.Execute(t.Context(), json.RawMessage(pushed)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
	}
}

func TestExecuteEndsWithItsContext(t *testing.T) {
	parsed, err := Parse("{{range 5000}}{{range 1}}{{end}}{{end}}", Plain)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := parsed.Execute(ctx, json.RawMessage(pushed)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestLine(t *testing.T) {
	parsed, err := Parse("\n {{.type}}\n  of {{.repository.full_name}} ", Plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsed.Line(t.Context(), json.RawMessage(pushed)); got != "artifact.pushed of prod/api" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTry(t *testing.T) {
	samples := []json.RawMessage{json.RawMessage(pushed), json.RawMessage(`{"type": "quota.warning", "v": 1}`)}
	if err := Try(t.Context(), "{{.artifact.digest}}", Plain, samples); err != nil {
		t.Error(err)
	}
	err := Try(t.Context(), "{{if .artifact}}{{else}}{{len .v}}{{end}}", Plain, samples)
	if err == nil || !strings.HasPrefix(err.Error(), "fails for an event of type quota.warning: line 1:") {
		t.Errorf("got %v", err)
	}
	if err := Try(t.Context(), "{{", Plain, nil); err == nil {
		t.Error("half a template is taken")
	}
}

// What people see of a value is one line of characters that show.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"v1.2.3":         "v1.2.3",
		"生产/é":           "生产/é",
		"a\r\nb\tc":      "a  b c",
		"a\x1b[31m\x00b": "a\uFFFD[31m\uFFFDb",
		"exe\u202egnp":   "exe\uFFFDgnp",
		"\xff":           "\uFFFD",
		"a\u2028b":       "a b",
	} {
		if got := Plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// No value of an event adds a line to a text, or is taken for a template.
func TestHostileNames(t *testing.T) {
	parsed, err := Parse("pushed by {{.actor.name}}\nto {{.repository.full_name}}", Plain)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"{{.type}}", "{{range 99999999}}", "\n", "\u2029", "%s%d"})).Draw(t, "name")
		b, err := json.Marshal(map[string]any{"actor": map[string]any{"name": name}, "repository": map[string]any{"full_name": name}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := parsed.Execute(context.Background(), b)
		if want := "pushed by " + Plain(name) + "\nto " + Plain(name); err != nil || out != want {
			t.Fatalf("got %q, %v, want %q", out, err, want)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	f.Add("{{range $i, $t := .artifact.tags}}{{if $i}}, {{end}}{{$t | printf `%5s`}}{{else}}{{end}}")
	f.Add("{{with .scan.counts}}{{range $k, $v := .}}{{$k}}{{end}}{{end}}{{(index $.artifact.platforms 0).os}}")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text, Plain)
		if err != nil {
			return
		}
		if out, err := parsed.Execute(t.Context(), json.RawMessage(pushed)); err == nil && len(out) > MaxOutput {
			t.Errorf("%d bytes", len(out))
		}
	})
}
