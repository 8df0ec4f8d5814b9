package connect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newFile writes a registry's config.yml.
func newFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return file
}

func readAll(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var hub = Options{Registry: registry("hub", "distribution", bearer), URL: "http://127.0.0.1:5080"}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func edited(t *testing.T, file string, m Make, dry bool) Row {
	t.Helper()
	row, err := RegistryFile(hub, m, file, dry, noon)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

const (
	ourHead = `    - name: bellbuoy
      url: http://127.0.0.1:5080/in/hub
      # The registry prints these in its log, and on its debug port.
      headers:
        Authorization: [Bearer s3cret]
      timeout: 5s
      threshold: 5
      backoff: 1s
`
	references = "  events:\n    includereferences: true # tells an image from a chart, a signature, an SBOM\n"
)

// What is around the endpoint stays as it is, byte for byte.
func TestRegistryFile(t *testing.T) {
	short := strings.Replace(ourHead, "      # The registry prints these in its log, and on its debug port.\n", "", 1)
	for _, tt := range []struct {
		name, before, after string
		action              Action
	}{
		{"no notifications", "version: 0.1 # the first\nstorage: {inmemory: {}}\n", "version: 0.1 # the first\nstorage: {inmemory: {}}\nnotifications:\n" + references + "  endpoints:\n" + ourHead, Made},
		{"no end of line", "version: 0.1", "version: 0.1\nnotifications:\n" + references + "  endpoints:\n" + ourHead, Made},
		{"comment behind", "version: 0.1\n# the end\n", "version: 0.1\n# the end\nnotifications:\n" + references + "  endpoints:\n" + ourHead, Made},
		{"nothing below", "notifications: # soon\nversion: 0.1\n", "notifications: # soon\n" + references + "  endpoints:\n" + ourHead + "version: 0.1\n", Made},
		{"no endpoints", "notifications:\n  events: {includereferences: true}\n\n# next\nversion: 0.1\n", "notifications:\n  events: {includereferences: true}\n  endpoints:\n" + ourHead + "\n# next\nversion: 0.1\n", Made},
		{"empty list", "notifications:\n  events: {includereferences: true}\n  endpoints: [] # none\n", "notifications:\n  events: {includereferences: true}\n  endpoints:\n" + ourHead, Made},
		{"nothing in endpoints", "notifications:\n  endpoints:\nversion: 0.1\n", "notifications:\n" + references + "  endpoints:\n" + ourHead + "version: 0.1\n", Made},
		{"no references", "notifications:\n  events:\n    # of ours\n    other: 1\n  endpoints:\n" + ourHead, "notifications:\n  events:\n    # of ours\n    includereferences: true # tells an image from a chart, a signature, an SBOM\n    other: 1\n  endpoints:\n" + ourHead, Changed},
		{"another endpoint", "notifications:\n" + references + "  endpoints:\n  -   name: ci   # theirs\n      url: 'http://ci'\n\n  # behind\nversion: 0.1\n",
			"notifications:\n" + references + "  endpoints:\n  -   name: ci   # theirs\n      url: 'http://ci'\n" + strings.ReplaceAll(strings.TrimPrefix(strings.ReplaceAll("\n"+ourHead, "\n    ", "\n  "), "\n"), "\x00", "") + "\n  # behind\nversion: 0.1\n", Made},
		{"in the same column", "notifications:\n  endpoints:\n  - name: ci\n    url: http://ci\n  events:\n    includereferences: true\n",
			"notifications:\n  endpoints:\n  - name: ci\n    url: http://ci\n" + strings.TrimPrefix(strings.ReplaceAll("\n"+ourHead, "\n    ", "\n  "), "\n") + "  events:\n    includereferences: true\n", Made},
		{"as it should be", "notifications:\n" + references + "  endpoints:\n" + ourHead, "", Unchanged},
		{"as it should be, in brackets", "notifications: {events: {includereferences: true}, endpoints: [{name: bellbuoy, url: 'http://127.0.0.1:5080/in/hub', headers: {authorization: [Bearer s3cret]}}]}\n", "", Unchanged},
		{"another URL", "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "5080/in/hub", "1/in/x # here", 1), "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "/in/hub", "/in/hub # here", 1), Changed},
		{"off", "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "5s", "5s\n      disabled: true\n      ignore:\n        actions: [pull] # kept", 1), "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "5s", "5s\n      disabled: false\n      ignore:\n        actions: [pull] # kept", 1), Changed},
		{"nanoseconds", "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "5s", "500 # ms", 1), "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "5s", "5s # ms", 1), Changed},
		{"another secret", "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "[Bearer s3cret]", "\n        - Bearer old\n        X-Team: [a] # theirs", 1), "notifications:\n" + references + "  endpoints:\n" + strings.Replace(short, "        Authorization: [Bearer s3cret]", "        X-Team: [a] # theirs\n        Authorization: [Bearer s3cret]", 1), Changed},
		{"a name alone", "notifications:\n" + references + "  endpoints:\n    - name: bellbuoy", "notifications:\n" + references + "  endpoints:\n    - name: bellbuoy\n      url: http://127.0.0.1:5080/in/hub\n      headers:\n        Authorization: [Bearer s3cret]\n", Changed},
		{"no headers", "notifications:\n" + references + "  endpoints:\n    - url: http://x\n      name: bellbuoy\n      timeout: 9s\n", "notifications:\n" + references + "  endpoints:\n    - url: http://127.0.0.1:5080/in/hub\n      headers:\n        Authorization: [Bearer s3cret]\n      name: bellbuoy\n      timeout: 9s\n", Changed},
		{"CRLF", "version: 0.1\r\n", strings.ReplaceAll("version: 0.1\nnotifications:\n"+references+"  endpoints:\n"+ourHead, "\n", "\r\n"), Made},
		{"a text of many lines", "version: |\n  0.1\n\n  # no comment\n", "version: |\n  0.1\n\n  # no comment\nnotifications:\n" + references + "  endpoints:\n" + ourHead, Made},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := newFile(t, tt.before)
			dry := edited(t, file, Make{}, true)
			if got := readAll(t, file); got != tt.before {
				t.Fatalf("a dry run writes %q", got)
			}
			row := edited(t, file, Make{}, false)
			if row.Action != tt.action || dry.Action != tt.action {
				t.Fatalf("got %+v, and dry %+v", row, dry)
			}
			want := tt.after
			if want == "" {
				want = tt.before
			}
			if d := cmp.Diff(want, readAll(t, file)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if strings.Contains(fmt.Sprintf("%+v %+v", row, dry), "s3cret") {
				t.Errorf("shows the secret: %+v %+v", row, dry)
			}
			if row.Action == Unchanged || row.Action == Failed {
				if row.Backup != "" || row.Note != "" {
					t.Errorf("did nothing, and says %+v", row)
				}
				return
			}
			if got := readAll(t, row.Backup); got != tt.before {
				t.Errorf("the copy holds %q", got)
			}
			if again := edited(t, file, Make{}, false); again.Action != Unchanged {
				t.Errorf("a second time: %+v", again)
			}
		})
	}
}

// A file that was only added to is as it was when the endpoint is taken out again.
func TestRegistryFileRemove(t *testing.T) {
	other := "    - name: ci\n      url: http://ci\n"
	for name, tt := range map[string]struct{ before, after string }{
		"alone":      {"a: 1\nnotifications:\n  endpoints:\n" + ourHead + "\n# next\nb: 2\n", "a: 1\n\n# next\nb: 2\n"},
		"first":      {"notifications:\n  endpoints:\n" + ourHead + "\n    # theirs\n" + other, "notifications:\n  endpoints:\n\n    # theirs\n" + other},
		"last":       {"notifications:\n  endpoints:\n" + other + ourHead + "b: 2\n", "notifications:\n  endpoints:\n" + other + "b: 2\n"},
		"on a line":  {"notifications:\n  endpoints:\n" + other + "    - {name: bellbuoy, url: http://x}\n", "notifications:\n  endpoints:\n" + other},
		"all ours":   {"a: 1\nnotifications:\n" + references + "  endpoints:\n" + ourHead, "a: 1\n"},
		"with more":  {"notifications:\n  more: 1\n" + references + "  endpoints:\n" + ourHead, "notifications:\n  more: 1\n"},
		"references": {"notifications:\n  events:\n    includereferences: true\n  endpoints:\n" + ourHead, "notifications:\n  events:\n    includereferences: true\n"},
		"shared":     {"notifications:\n" + references + "  endpoints:\n" + other + ourHead, "notifications:\n" + references + "  endpoints:\n" + other},
	} {
		t.Run(name, func(t *testing.T) {
			file := newFile(t, tt.before)
			if row := edited(t, file, Make{Remove: true}, false); row.Action != Removed {
				t.Fatalf("got %+v", row)
			}
			if d := cmp.Diff(tt.after, readAll(t, file)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if row := edited(t, file, Make{Remove: true}, false); row.Action != Absent {
				t.Errorf("a second time: %+v", row)
			}
		})
	}
}

// Where lines cannot be told apart the file stays as it is, and the reason is said.
func TestRegistryFileByHand(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"brackets":        {"{version: 0.1}\n", "it is not keys and values, a line each"},
		"two documents":   {"version: 0.1\n---\na: 1\n", "a second document begins in line 2"},
		"anchor":          {"notifications: &n\n  endpoints: []\nx: *n\n", "notifications in line 1 has an anchor, &n"},
		"alias":           {"x: &n\n  endpoints: []\nnotifications: *n\n", "notifications in line 3 is something else than expected"},
		"flow endpoints":  {"notifications:\n  endpoints: [{name: ci}]\n", "endpoints in line 2 is written on one line, in brackets"},
		"flow endpoint":   {"notifications:\n  endpoints:\n  - {name: bellbuoy}\n", "the endpoint in line 3 is written on one line, in brackets"},
		"twice":           {"notifications:\n  endpoints:\n  - name: bellbuoy\n  - name: bellbuoy\n", `two endpoints are named "bellbuoy", in lines 3 and 4`},
		"duplicate keys":  {"a: 1\na: 2\n", "it is not read alike by all: yaml: unmarshal errors:\n  line 2: mapping key \"a\" already defined at line 1"},
		"outdented":       {"a: [1,\n2]\nnotifications:\n  endpoints:\n  - name: ci\n    x: {a: 1,\nb: 2}\n", "its lines cannot be told apart safely"},
		"document's end":  {"a: 1\n...\n", "its document is ended by three dots"},
		"something there": {"notifications: &x\n", "notifications in line 1 is not empty"},
	} {
		t.Run(name, func(t *testing.T) {
			file := newFile(t, tt.text)
			row := edited(t, file, Make{}, false)
			if want := tt.want + ": " + errByHand.Error(); row.Action != Failed || row.Error != want {
				t.Errorf("got %+v, want %s", row, want)
			}
			if got := readAll(t, file); got != tt.text {
				t.Errorf("the file holds %q", got)
			}
			if left, _ := filepath.Glob(file + "?*"); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
	for name, text := range map[string]string{"no YAML": "a: [", "empty": " \n"} {
		if row := edited(t, newFile(t, text), Make{}, false); row.Action != Failed {
			t.Errorf("%s: %+v", name, row)
		}
	}
	if row := edited(t, t.TempDir(), Make{}, false); row.Action != Failed || !strings.Contains(row.Error, "is not a regular file") {
		t.Errorf("a folder: %+v", row)
	}
}

// The file that is replaced is the one that a link leads to; it keeps its mode.
func TestRegistryFileKeeps(t *testing.T) {
	file := newFile(t, "version: 0.1\n")
	link := filepath.Join(t.TempDir(), "link.yml")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	row := edited(t, link, Make{Name: "bb"}, false)
	if row.Action != Made || row.What != "bb" || !strings.Contains(readAll(t, file), "- name: \"bb\"\n") {
		t.Errorf("got %+v and %s", row, readAll(t, file))
	}
	for _, f := range []string{file, row.Backup} {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	// A copy of the same second is not written over.
	if err := os.WriteFile(file, []byte("version: 0.2\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	second := edited(t, file, Make{}, false)
	if second.Action != Made || readAll(t, second.Backup) != "version: 0.2\n" || readAll(t, row.Backup) != "version: 0.1\n" {
		t.Errorf("got %+v", second)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) != 3 {
		t.Errorf("there are %q", left)
	}
}

// What others write meanwhile is not written over.
func TestRegistryFileChangedMeanwhile(t *testing.T) {
	file := newFile(t, "version: 0.1\n")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replaceFile(file, info, []byte("version: 0.0\n"), []byte("x"), noon); err == nil || err.Error() != "the registry's file was changed meanwhile: try again" {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) != 1 || readAll(t, file) != "version: 0.1\n" {
		t.Errorf("there are %q", left)
	}
}

// A dry run shows what a patch would do, without the secrets of the file.
func TestRegistryFileDiff(t *testing.T) {
	file := newFile(t, `version: 0.1
http:
  secret: "asecretforlocal"
auth:
  htpasswd: {realm: hidden-realm}
redis: {password: pass-of-redis}
notifications:
  events: {includereferences: true}
  endpoints:
    - name: other
      url: http://u:pass-of-url@x/in/x
      headers:
        X-Key: [another-value]
    - name: bellbuoy
      url: http://x/in/hub/-/path-secret
`)
	row := edited(t, file, Make{}, true)
	want := strings.ReplaceAll(`--- FILE
+++ FILE
@@ -12,4 +12,6 @@
       headers:
         X-Key: [***]
     - name: bellbuoy
-      url: http://x/in/hub/-/***
+      url: http://127.0.0.1:5080/in/hub
+      headers:
+        Authorization: [***]
`, "FILE", file)
	if d := cmp.Diff(want, row.Diff); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"posted to another URL", "showed another secret"}, row.Changes); d != "" {
		t.Error(d)
	}
}

func TestDiff(t *testing.T) {
	old := lines("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12")
	edits := inOrder(old, "\n", []edit{{12, 0, []string{"13\n"}}, {0, 1, nil}, {3, 0, []string{"a\n"}}})
	if got := apply(old, edits); got != "2\n3\na\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n" {
		t.Errorf("got %q", got)
	}
	want := `--- f
+++ f
@@ -1,6 +1,6 @@
-1
 2
 3
+a
 4
 5
 6
@@ -9,4 +9,5 @@
 9
 10
 11
-12
\ No newline at end of file
+12
+13
`
	if d := cmp.Diff(want, diff("f", old, edits)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
