package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// logged is a world in which the rule releases took 2 of 3 pushes, one of which ci has
// refused, under rules that have changed since: it took another tag before.
func logged(t *testing.T) *world {
	t.Helper()
	tagged := func(regex string) config.Rule {
		return config.Rule{Name: "releases", Enabled: true, Events: []string{"artifact.pushed"}, Tag: &config.Tag{Names: config.Names{Regex: regex}}}
	}
	w := newWorld(t)
	before, now := compile(t, tagged("9")), compile(t, tagged("[23]"))
	w.rules = now
	none := compile(t)
	w.run = Running{Rules: []Rule{{Name: "releases", Enabled: true, Events: []string{"artifact.pushed"}}}, Targets: []Target{{Name: "ci", Type: "webhook"}}}
	for _, set := range []*rules.Set{none, before, now} {
		if err := w.store.PutRuleSet(t.Context(), set.Hash(), set.Source()); err != nil {
			t.Fatal(err)
		}
	}
	for n, set := range []*rules.Set{none, before, now, now} {
		item := judged(n, set)
		for _, rule := range item.Routing.Matched {
			item.Routing.Deliveries = append(item.Routing.Deliveries, store.Planned{
				ID: fmt.Sprint("delivery-", n), Target: "ci", Type: "webhook", Rule: rule, Rules: []string{rule},
				Due: time.Now(), GiveUp: time.Now().Add(time.Hour),
			})
		}
		w.accept("{}", nil, item)
	}
	claimed, err := w.store.Claim(t.Context(), "ci", 1)
	if err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	err = w.store.Record(t.Context(), []store.Outcome{{
		Seq: claimed[0].Seq, Target: "ci", Attempt: 1, State: store.Dead, Reason: "refused", Time: noon.Add(time.Minute),
		Outcome: plugin.PermanentFail, Error: "400 Bad Request", Receipt: plugin.Receipt{Status: 400},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// line is what tests look at of an entry.
func line(e logEntry) string {
	return strings.Join([]string{e.Tags[0], string(e.Action), e.NativeAction, e.Repository, e.Delivery, e.Status, string(e.State), e.Reason}, "|")
}

func TestLogOfARule(t *testing.T) {
	w := logged(t)
	waits := "3|artifact.pushed|push|prod/<api>|delivery-3|pending|waiting|"
	dead := "2|artifact.pushed|push|prod/<api>|delivery-2|failure|dead|refused"
	for path, want := range map[string][]string{
		"rules/releases/log":                        {waits, dead},
		"targets/ci/log":                            {waits, dead},
		"rules/releases/log?outcome=dead":           {dead},
		"rules/releases/log?until=1s":               {waits, dead}, // noon is long ago
		"rules/releases/log?since=1s":               {},
		"targets/ci/log?outcome=delivered&limit=10": {},
		"rules/releases/log?all": {
			waits, dead,
			`1|artifact.pushed|push|prod/<api>||not triggered||tag "1" does not match regex "9"`,
			"0|artifact.pushed|push|prod/<api>||not triggered||the rule was disabled, not there, or took no events of this type when it came",
		},
	} {
		var list []logEntry
		w.get("/api/v1/"+path, &list)
		got := []string{}
		for _, e := range list {
			got = append(got, line(e))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}

	var list []logEntry
	w.get("/api/v1/rules/releases/log?outcome=dead", &list)
	d := list[0]
	if !d.Time.Equal(noon.Add(time.Minute)) || !d.Began.Equal(d.Time) || d.Ended == nil || d.Next != nil || d.Attempts != 1 ||
		d.Last.Status != 400 || d.Last.Error != "400 Bad Request" || d.Target != "ci" || d.Rules[0] != "releases" || d.Registry != "hub" {
		t.Errorf("%+v", d)
	}
}

// Pages of a log follow each other, however they are cut.
func TestPagesOfALog(t *testing.T) {
	w := logged(t)
	for path, want := range map[string]string{
		"/api/v1/rules/releases/log?limit=1&since=2000-01-01T00:00:00Z": "3 2",
		"/api/v1/rules/releases/log?all=true&limit=1":                   "3 2 1 0",
		"/api/v1/targets/ci/log?limit=1":                                "3 2",
	} {
		var got []string
		for next := path; next != "" && len(got) < 9; {
			var list []logEntry
			rec := w.get(next, &list)
			for _, e := range list {
				got = append(got, e.Tags[0])
			}
			next, _, _ = strings.Cut(strings.TrimPrefix(rec.Header().Get("Link"), "<"), ">")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
}

// A test is nothing that other rules did not take.
func TestLogHasNoTestsOfOthers(t *testing.T) {
	w := logged(t)
	item := judged(8, w.rules)
	item.Event.Origin = event.OriginTest
	item.Routing.JSON, item.Routing.Matched = encode(item.Event), []string{"another"}
	w.accept("{}", nil, item)
	var list []logEntry
	w.get("/api/v1/rules/releases/log?all", &list)
	if len(list) != 4 {
		t.Errorf("%+v", list)
	}
}

func TestLogRefuses(t *testing.T) {
	w := logged(t)
	for path, want := range map[string]string{
		"rules/releases/log?outcome=lost":         "outcome: \"lost\" is none of",
		"rules/releases/log?all=perhaps":          "all: \"perhaps\" is wrong: it is neither true nor false",
		"rules/releases/log?all&outcome=dead":     "outcome: it is one of deliveries",
		"rules/releases/log?type=artifact.pushed": "there is no filter \"type\"",
		"targets/ci/log?all":                      "there is no filter \"all\"",
		"targets/ci/log?before=%3F":               "cursor \"?\" is not one of ours",
		"rules/none/log":                          "there is no rule \"none\"",
		"targets/none/log":                        "there is no target \"none\"",
	} {
		rec := ask(w, "GET", "/api/v1/"+path, nil)
		var p problem
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || !strings.Contains(p.Detail, want) || rec.Code != p.Status {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		if is := strings.HasSuffix(path, "/none/log"); (rec.Code == http.StatusNotFound) != is || (rec.Code == http.StatusBadRequest) == is {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}
