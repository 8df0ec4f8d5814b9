package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// standIn is a Harbor with projects a and b and a Quay with repository team/app: it gives
// nothing, takes everything that is posted, and refuses project b.
type standIn struct {
	*httptest.Server
	mu     sync.Mutex
	posted []string
	auth   map[string]bool
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{auth: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.auth[r.Header.Get("Authorization")] = true
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method != http.MethodGet:
			s.posted = append(s.posted, r.URL.Path)
			w.WriteHeader(201)
		case strings.HasSuffix(r.URL.Path, "/projects"):
			fmt.Fprint(w, `[{"name":"a"},{"name":"b"}]`)
		case strings.Contains(r.URL.Path, "/b/"):
			w.WriteHeader(403)
			fmt.Fprint(w, `{"errors":[{"code":"FORBIDDEN","message":"\u001b]0;for\u202ebidden"}]}`)
		case strings.HasSuffix(r.URL.Path, "/events"):
			fmt.Fprint(w, `{"event_type":["PUSH_ARTIFACT"]}`)
		case strings.Contains(r.URL.Path, "/policies"):
			fmt.Fprint(w, `[]`)
		case strings.HasSuffix(r.URL.Path, "/repository"):
			fmt.Fprint(w, `{"repositories":[]}`)
		default:
			fmt.Fprint(w, `{"notifications":[]}`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *standIn) changes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.posted)
}

// make runs connect with a config and a password.
func (s *standIn) make(t *testing.T, line string) result {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"bellbuoy.yml": "registries: [{name: hub, type: harbor, auth: {bearer: s3cret}}, {name: red, type: quay, auth: {path: p4th}}]\n",
		"password":     "pa55word\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return bellbuoyEnv(t, map[string]string{"BELLBUOY_QUAY_TOKEN": "pa55word"}, append([]string{"connect"}, strings.Fields(strings.ReplaceAll(line, "API", s.URL))...)...)
}

func TestMakeForHarbor(t *testing.T) {
	s := newStandIn(t)
	const line = "harbor --api API --url http://bb:5080 --username me --password-file password"
	got := s.make(t, line+" --all --dry-run")
	const refused = "Harbor, asked to GET /projects/b/webhook/policies?page=1&page_size=100, answers 403 (FORBIDDEN: ]0;forbidden): give the robot the rights create, read, update, delete and list of notification-policy in the project, for all projects as a system robot that has them in each and list of project in the system; or take a user who administers the project, for a maintainer may only read"
	want := result{exitFailed, `PROJECT  POLICY    ACTION      DETAIL
a        bellbuoy  would make  -
b        -         failed      ` + refused + "\n", "bellbuoy: 1 of 2 failed\n"}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" || s.changes() != 0 {
		t.Errorf("(-want +got):\n%s; %d changes", d, s.changes())
	}
	got = s.make(t, line+" --project a -o json")
	if want := (result{exitDone, "[\n  {\n    \"place\": \"a\",\n    \"what\": \"bellbuoy\",\n    \"action\": \"made\"\n  }\n]\n", ""}); got != want || s.changes() != 1 {
		t.Errorf("got %+v, %d changes", got, s.changes())
	}
	if len(s.auth) != 1 || !s.auth["Basic bWU6cGE1NXdvcmQ="] {
		t.Errorf("shown are %v", s.auth)
	}
}

func TestMakeForQuay(t *testing.T) {
	s := newStandIn(t)
	const line = "quay --api API --url http://bb:5080 "
	got := s.make(t, line+"--repository team/app --event repo_push --dry-run")
	if want := (result{exitDone, "REPOSITORY  EVENT      ACTION      DETAIL\nteam/app    repo_push  would make  -\n", ""}); got != want || s.changes() != 0 {
		t.Errorf("got %+v, %d changes", got, s.changes())
	}
	if got = s.make(t, line+"--repository team/app --event repo_push"); got.status != exitDone || s.changes() != 1 {
		t.Errorf("got %+v, %d changes", got, s.changes())
	}
	got = s.make(t, line+"--organization team --event repo_push -o json")
	if want := (result{exitNothing, "[]\n", "bellbuoy: Quay shows no repository of that organization to this token: correct the name, or take a token of a user who can see them\n"}); got != want {
		t.Errorf("got %+v", got)
	}
	if len(s.auth) != 1 || !s.auth["Bearer pa55word"] {
		t.Errorf("shown are %v", s.auth)
	}
}

// What is missing or does not go together is said before anybody is asked.
func TestMakeFaults(t *testing.T) {
	s := newStandIn(t)
	const harbor = "harbor --api API --username me --password-file password "
	for line, want := range map[string]string{
		"harbor --api API":                             "name a project with --project, or all with --all",
		"harbor --dry-run":                             "name a project with --project, or all with --all",
		"harbor --api API --all":                       "--username is missing: name the user or robot",
		"harbor --api API --all --username me":         "the password is missing: name the file that holds it with --password-file, or set $BELLBUOY_HARBOR_PASSWORD",
		"quay --api API --token-file password":         "name a repository with --repository, or all of an organization with --organization",
		"quay --api API --repository app":              "Quay refuses URLs with 127.0.0.1: name bellbuoy with --url as Quay reaches it by another name",
		"quay --repository a/b --token-file none":      "read token: open none: no such file or directory",
		"quay --repository a/b --token-file /dev/null": "read token: /dev/null is empty",
		"quay --repository a/b":                        `where its API is is not known: name it with --api, or with url of registry "red" in the config`,
		harbor + "--all --watch --remove":              "--watch makes what is missing for as long as it runs: leave out --remove and --dry-run",
		harbor + "--all --watch --every 1ms":           "--every 1ms: want 1s or more",
		harbor + "--all --every 1m":                    "--every is for --watch",
		harbor + "--all --event PUSH":                  `there is no event "PUSH": there are PUSH_ARTIFACT`,
		harbor + "--all --ca-file none":                "read the authorities: open none: no such file or directory",
		harbor + "--all --api https://harbor.example":  "bellbuoy listens at http://127.0.0.1:5080, which the registry at https://harbor.example cannot reach: listen on another address, and name it with --url",
		"distribution --dry-run":                       "name the registry's config.yml with --file, to have it changed",
		"distribution -o json":                         "name the registry's config.yml with --file, to have it changed",
	} {
		got := s.make(t, line)
		if got.status != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, "bellbuoy: "+want) || !strings.HasSuffix(got.stderr, "--help'.\n") {
			t.Errorf("%s: got %+v", line, got)
		}
	}
	if len(s.auth) != 0 {
		t.Errorf("it was asked with %v", s.auth)
	}
}

// A URL that the registry can hardly reach is said.
func TestMakeWarns(t *testing.T) {
	s := newStandIn(t)
	got := s.make(t, "harbor --api API --username me --password-file password --project a --dry-run")
	if want := "bellbuoy: warning: where Harbor's jobservice runs in a container, http://127.0.0.1:5080 is the container itself: name bellbuoy with --url\n"; got.stderr != want || got.status != exitDone {
		t.Errorf("got %+v", got)
	}
}

// The file is changed, and checked by what reads it.
func TestMakeForDistribution(t *testing.T) {
	t.Chdir(t.TempDir())
	const config = "registries: [{name: hub, type: distribution, auth: {bearer: s3cret}}]\n"
	const text = "version: 0.1\nstorage: {inmemory: {}, delete: {enabled: true}} # kept\n"
	for name, text := range map[string]string{"bellbuoy.yml": config, "config.yml": text} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := bellbuoy(t, "", "connect", "distribution", "--file", "config.yml", "--dry-run")
	want := result{exitDone, `--- config.yml
+++ config.yml
@@ -1,2 +1,14 @@
 version: 0.1
 storage: {inmemory: {}, delete: {enabled: true}} # kept
+notifications:
+  events:
+    includereferences: true # tells an image from a chart, a signature, an SBOM
+  endpoints:
+    - name: bellbuoy
+      url: http://127.0.0.1:5080/in/hub
+      # The registry prints these in its log, and on its debug port.
+      headers:
+        Authorization: [***]
+      timeout: 5s
+      threshold: 5
+      backoff: 1s
`, ""}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got = bellbuoy(t, "", "connect", "distribution", "--file", "config.yml")
	want = result{exitDone, `config.yml: endpoint bellbuoy: made
  restart the registry, which reads the file at its start only
  as it was: config.yml.before-20260301T120000Z
`, ""}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(result{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got = bellbuoy(t, "", "check", "--registry-config", "config.yml", "bellbuoy.yml")
	if got.status != exitDone || !strings.Contains(got.stdout, "good: 1 registry") || strings.Contains(got.stdout, "config.yml:") && !strings.Contains(got.stdout, "bellbuoy.yml:1") {
		t.Errorf("check: %+v", got)
	}
	got = bellbuoy(t, "", "connect", "distribution", "--file", "config.yml")
	if want := (result{exitDone, "config.yml: endpoint bellbuoy: unchanged\n", ""}); got != want {
		t.Errorf("got %+v", got)
	}
	got = bellbuoy(t, "", "connect", "distribution", "--file", "config.yml", "--remove", "--dry-run", "-o", "json")
	var rows []struct {
		Action, Diff string
		DryRun       bool `json:"dry_run"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil || len(rows) != 1 || rows[0].Action != "removed" || !rows[0].DryRun || !strings.Contains(rows[0].Diff, "\n-    - name: bellbuoy\n") || strings.Contains(got.stdout, "s3cret") {
		t.Errorf("got %+v, %v", got, err)
	}
	// What cannot be edited is printed.
	if err := os.WriteFile("config.yml", []byte("{version: 0.1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = bellbuoy(t, "", "connect", "distribution", "--file", "config.yml")
	if got.status != exitFailed || !strings.Contains(got.stdout, "    - name: bellbuoy\n") || strings.Contains(got.stdout, "s3cret") ||
		got.stderr != "bellbuoy: config.yml: it is not keys and values, a line each: edit it by hand, as `bellbuoy connect distribution` prints it\n" {
		t.Errorf("got %+v", got)
	}
}
