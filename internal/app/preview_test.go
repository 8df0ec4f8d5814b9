package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What a rule would make of stored events is told before there is one, and changes nothing.
func TestPreview(t *testing.T) {
	hook := receiver(t, func(http.ResponseWriter, *http.Request) {})
	c := startChangeable(t, loopback+strings.Replace(oneRule("of-the-file", hook+"/"), "deliver:", "events: [quota.exceeded], deliver:", 1))
	for i := range 12 {
		c.notify("hub", push(t, fmt.Sprintf("preview-%d", i)))
	}
	type found struct {
		Events, Matched int
		More            bool
		Taken, NotTaken []struct{ Event, Type, About, Reason string }
		NotStored       []string `json:"not_stored"`
	}
	ask := func(body string) (f found) {
		t.Helper()
		resp, text := c.send("POST", "rules/new/preview?since=1h", body)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
		text = strings.ReplaceAll(text, "not_taken", "nottaken")
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	all := ask(`{"enabled":false,"events":["artifact.pushed","artifact.pulled"],"deliver":["ci"]}`)
	if all.Events != 12 || all.Matched != 12 || len(all.Taken) != 10 || all.Taken[0].About == "" || len(all.NotTaken) != 0 || all.More {
		t.Errorf("a rule for all: %+v", all)
	}
	if len(all.NotStored) != 1 || all.NotStored[0] != "artifact.pulled" {
		t.Errorf("what is not stored: %v", all.NotStored)
	}
	none := ask(`{"events":["artifact.pushed"],"tag":{"regex":"release-v.*"},"deliver":["ci"]}`)
	if none.Events != 12 || none.Matched != 0 || len(none.NotTaken) != 10 || !strings.Contains(none.NotTaken[0].Reason, `does not match regex "release-v.*"`) {
		t.Errorf("a rule for none: %+v", none)
	}
	if other := ask(`{"events":["chart.pushed"],"deliver":["ci"]}`); other.Events != 0 {
		t.Errorf("a rule for other types: %+v", other)
	}
	for body, want := range map[string]string{
		`{"tag":{"regex":"release-(v.*"},"deliver":["ci"]}`: `"path":"tag.regex"`,
		`{"deliver":["nobody"]}`:                            `"path":"deliver[0]`,
		`[]`:                                                "no JSON object",
	} {
		if resp, text := c.send("POST", "rules/new/preview", body); resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", body, resp.StatusCode, text)
		}
	}
	if resp, text := c.send("POST", "rules/of-the-file/preview", `{"deliver":["ci"]}`); resp.StatusCode != http.StatusConflict {
		t.Errorf("a file's rule: %d %s", resp.StatusCode, text)
	}
	if resp, _ := c.send("GET", "rules/new", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("there is a rule now: %d", resp.StatusCode)
	}
}
