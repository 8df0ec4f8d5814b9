package api

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// pasted runs a line in a real shell in which curl prints its arguments, and returns
// them. What else the line does would be printed too.
func pasted(t *testing.T, shell, line string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell, "-c", "curl() { printf '%s\\0' \"$@\"; }\n"+line)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"SECRET_AUTHORIZATION=s3cret 'x'", "SECRET_X_TOKEN=t0ken", "URL_SECRET=key"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%s: %v\n%s\n%s", shell, err, line, errs.Bytes())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\x00"), "\x00")
}

func hostile() []string {
	return []string{
		"plain", `{"a":"it's"}`, "$(touch owned)", "`touch owned`", `"; touch owned; "`, `'; touch owned; '`, "\\", `\'`, `$'x'`,
		"@/etc/passwd", "-o/tmp/x", "a\nb\r\n\tc", "\x1b[201~touch owned\n", "\u202eabc", "\x7f\x01" + "1", "!!", "~", "*", "a\\\n'b",
		"名\u200b1", "\ufffd", "#", "${HOME}", "%s", "{1,2}[a-z]", "",
	}
}

func TestCurlIsSafeToPaste(t *testing.T) {
	for _, s := range hostile() {
		r := plugin.Request{Method: "PUT", URL: "https://ci.example.com/" + s, Body: s, Headers: map[string]string{
			"Authorization": "Bearer ***", "X-Token": "***", "Empty": "", "X-Plain": "v",
		}}
		if !strings.ContainsAny(s, "\r\n\x00") {
			r.Headers["X-Name"] = s
		}
		line := curl(r)
		if line == "" || strings.ContainsFunc(line, func(c rune) bool { return !shown(c) }) {
			t.Errorf("%q: %q", s, line)
			continue
		}
		want := []string{"--globoff", "--request", "PUT", "--url", r.URL, "--header", "Authorization: Bearer s3cret 'x'", "--header", "Empty;"}
		if name, ok := r.Headers["X-Name"]; ok {
			h := "X-Name: " + name
			if name == "" {
				h = "X-Name;"
			}
			want = append(want, "--header", h)
		}
		want = append(want, "--header", "X-Plain: v", "--header", "X-Token: t0ken")
		if s != "" {
			want = append(want, "--data-raw", s)
		}
		shells := []string{"bash"}
		if !strings.Contains(line, "$'") {
			shells = append(shells, "sh")
		}
		for _, shell := range shells {
			if got := pasted(t, shell, line); !slices.Equal(got, want) {
				t.Errorf("%s\n%s\ngot  %q\nwant %q", shell, line, got, want)
			}
		}
	}
}

func TestCurlMasks(t *testing.T) {
	line := curl(plugin.Request{Method: "POST", URL: "http://***:***@h/p?***", Body: `{"x":"***"}`})
	want := `curl --globoff --request 'POST' --url 'http://'"$URL_SECRET"':'"$URL_SECRET"'@h/p?'"$URL_SECRET" --data-raw '{"x":"***"}'`
	if want = strings.Replace(want, "'POST'", "POST", 1); line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
}

func TestNoCurl(t *testing.T) {
	for name, r := range map[string]plugin.Request{
		"nothing":           {},
		"mail":              {Method: "SEND", URL: "smtp://mail"},
		"a file":            {Method: "POST", URL: "file:///etc/passwd"},
		"a method":          {Method: "POST; x", URL: "http://h"},
		"a header":          {Method: "POST", URL: "http://h", Headers: map[string]string{"@f": "x"}},
		"a header's value":  {Method: "POST", URL: "http://h", Headers: map[string]string{"X": "a\r\nY: b"}},
		"bytes":             {Method: "POST", URL: "http://h", Body: "\xff"},
		"a zero":            {Method: "POST", URL: "http://h", Body: "a\x00b"},
		"a body that's big": {Method: "POST", URL: "http://h", Body: strings.Repeat("x", maxWord+1)},
		"a URL with a zero": {Method: "POST", URL: "http://h/\x00"},
	} {
		if line := curl(r); line != "" {
			t.Errorf("%s: %s", name, line)
		}
	}
}
