package integration_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// linesOf are the lines of curl that a page has between two marks.
func linesOf(t *testing.T, page, mark string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "<!-- tested: "+mark+" -->\n\n```sh\n")
	block, _, closed := strings.Cut(rest, "\n```\n\n<!-- end of "+mark+" -->")
	if !ok || !closed {
		t.Fatalf("%s has no lines of %s", page, mark)
	}
	return strings.Split(block, "\n\n")
}

// The lines that the page of the API has can be typed as they stand, but for the addresses:
// a rule and a target that are made so hear of a push to a real registry; turned off, they
// hear of nothing, and the log says so.
func TestLinesOfTheAPIsPage(t *testing.T) {
	s := newQuayStage(t, "")
	deploy := s.other()
	typed := func(line string) string {
		t.Helper()
		out, status := s.run(strings.NewReplacer("http://127.0.0.1:5081", "http://"+s.config.Admin,
			"https://ci.example.com/hook", deploy.URL()).Replace(line))
		if status < 200 || status > 299 {
			t.Fatalf("%s\nanswers %d %s", line, status, out)
		}
		return out
	}
	lines, products := linesOf(t, "../docs/api.md", "lines"), linesOf(t, "../docs/api.md", "products")
	arrived := func() int { return len(deploy.Arrivals()) }
	var made struct {
		Verdict struct{ Matched bool }
	}
	for _, line := range lines[:3] {
		out := typed(line)
		if strings.Contains(line, "/test") {
			if err := json.Unmarshal([]byte(out), &made); err != nil || !made.Verdict.Matched {
				t.Errorf("the test answers %s", out)
			}
		}
	}
	s.until("the test arrives", func() bool { return arrived() == 1 })
	for _, line := range products[:2] {
		typed(line)
	}

	reg := s.registry()
	for _, tag := range []string{"release-v1", "1.2", "dev"} {
		if _, err := reg.Push(s.ctx, "team/app", tag); err != nil {
			t.Fatal(err)
		}
	}
	s.until("a push arrives for each rule", func() bool { return arrived() == 3 })
	for _, line := range lines[3:5] { // changed, and turned off
		typed(line)
	}
	if _, err := reg.Push(s.ctx, "team/app", "release-v2"); err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Tags                            []string
		Action, Repository              string
		Status, Reason, Event, Delivery string
	}
	var log []entry
	s.until("the log has the push that was not told", func() bool {
		if err := json.Unmarshal([]byte(typed(lines[5])), &log); err != nil {
			t.Fatal(err)
		}
		return len(log) > 0 && len(log[0].Tags) == 1 && log[0].Tags[0] == "release-v2"
	})
	if log[0].Status != "not triggered" || !strings.Contains(log[0].Reason, "disabled") {
		t.Errorf("of what came while it was off, the log says %+v", log[0])
	}
	said := map[string]string{}
	for _, e := range log {
		for _, tag := range e.Tags {
			said[tag] += e.Status + " " + e.Reason
		}
	}
	if !strings.HasPrefix(said["dev"], `not triggered tag "dev" does not match`) || !strings.Contains(said["release-v1"], "success") {
		t.Errorf("the log says %v", said)
	}
	var of []entry
	if err := json.Unmarshal([]byte(typed(products[2])), &of); err != nil || len(of) != 1 || of[0].Repository != "team/app" ||
		of[0].Action != "artifact.pushed" || of[0].Status != "success" || of[0].Delivery == "" {
		t.Errorf("the log of TCR's rule is %+v, %v", of, err)
	}
	typed(lines[6])
	if _, status := s.run("curl http://" + s.config.Admin + "/api/v1/rules/releases"); status != http.StatusNotFound {
		t.Errorf("the rule that was deleted: %d", status)
	}
	if n := arrived(); n != 3 {
		t.Errorf("%d arrived in all", n)
	}
}
