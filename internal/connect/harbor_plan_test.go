package connect

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// policiesOf reads policies as Harbor tells them.
func policiesOf(t *testing.T, text string) (list []harborFound) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestHarborPlan(t *testing.T) {
	w := harborWant{name: "bellbuoy", registry: "goals", events: []string{"PUSH_ARTIFACT"},
		target: harborTarget{Type: "http", Address: "https://bb/in/goals", AuthHeader: "Bearer s", PayloadFormat: "CloudEvents"}}
	const (
		ours  = `{"type":"http","address":"https://bb/in/goals","auth_header":"Bearer s","payload_format":"CloudEvents"}`
		old   = `{"type":"http","address":"https://old/in/goals/-/x","auth_header":"Bearer s","payload_format":"CloudEvents"}`
		older = `{"type":"http","address":"https://older/in/goals","auth_header":"Bearer s","payload_format":"CloudEvents"}`
		ci    = `{"type":"http","address":"https://ci"}`
	)
	policy := func(events, targets string) string {
		return `{"id":7,"name":"bellbuoy","enabled":true,"event_types":[` + events + `],"targets":[` + targets + `]}`
	}
	const push, pull = `"PUSH_ARTIFACT"`, `"PULL_ARTIFACT"`
	for _, tt := range []struct {
		name, found  string
		action       Action
		changes      string
		events, body string // of what is put, its addresses
		remove       Action
		rest         string // the addresses that a removal leaves
	}{
		{"nothing there", "", Made, "", push, "https://bb/in/goals", Absent, ""},
		{"as it should be", policy(push, ours), Unchanged, "", "", "", Removed, ""},
		{"others are kept", policy(push, ci+","+ours), Unchanged, "", "", "", Removed, "https://ci"},
		{"bellbuoy moved", policy(push, ci+","+old), Changed, "posted to another URL", push, "https://ci https://bb/in/goals", Removed, "https://ci"},
		{"several were perhaps ours", policy(push, old+","+older), Changed, "did not post here", push, "https://old/in/goals/-/x https://older/in/goals https://bb/in/goals", Absent, ""},
		{"ours is among those alike", policy(push, old+","+ours), Unchanged, "", "", "", Removed, "https://old/in/goals/-/x"},
		{"another's, of our name", policy(pull, ci), Changed, "did not send PUSH_ARTIFACT; did not post here", push + "," + pull, "https://ci https://bb/in/goals", Absent, ""},
		{"ours twice", policy(push, ours+","+ci+","+ours), Changed, "posted here twice", push, "https://bb/in/goals https://ci", Removed, "https://ci"},
		{"no targets", policy(push, ""), Changed, "did not post here", push, "https://bb/in/goals", Absent, ""},
		{"too many events", policy(push+","+pull+","+push, ours), Changed, "sent PULL_ARTIFACT; sent events twice", push, "https://bb/in/goals", Removed, ""},
		{"two of our name", policy(push, ci) + "," + policy(push, ours), Unchanged, "", "", "", Removed, ""},
		{"another shape", `{"id":7,"name":"bellbuoy","enabled":"yes","event_types":null,"targets":null}`, Changed, "was not enabled; did not send PUSH_ARTIFACT; did not post here", push, "https://bb/in/goals", Absent, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := policiesOf(t, "["+tt.found+"]")
			before := slices.Clone(found)
			deed, err := w.plan(found)
			if err != nil {
				t.Fatal(err)
			}
			if deed.action != tt.action || strings.Join(deed.changes, "; ") != tt.changes {
				t.Errorf("plans %s: %q", deed.action, deed.changes)
			}
			if got := addresses(deed.body); got != tt.body {
				t.Errorf("puts %s", got)
			}
			if got := string(deed.body["event_types"]); tt.body != "" && got != "["+tt.events+"]" {
				t.Errorf("puts %s", got)
			}
			deed, err = w.remove(found)
			if err != nil || deed.action != tt.remove || addresses(deed.body) != tt.rest {
				t.Errorf("removal plans %s, leaves %q: %v", deed.action, addresses(deed.body), err)
			}
			if d := cmp.Diff(before, found); d != "" {
				t.Errorf("what was found is changed: %s", d)
			}
		})
	}
}

func addresses(p harborFound) string {
	var list []string
	for _, t := range targetsOf(p) {
		list = append(list, field[string](t, "address"))
	}
	return strings.Join(list, " ")
}
