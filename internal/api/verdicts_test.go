package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func compile(t testing.TB, list ...config.Rule) *rules.Set {
	t.Helper()
	set, faults := rules.Compile(list)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// judged is a push that set has judged.
func judged(n int, set *rules.Set) store.Item {
	item := pushed(n)
	item.Routing.RuleSet = set.Hash()
	item.Routing.Matched = []string{}
	for _, m := range set.Route(&item.Event) {
		item.Routing.Matched = append(item.Routing.Matched, m.Rule)
	}
	return item
}

type verdictsPage struct {
	Verdicts       []rules.Verdict
	Verdicts_Error string
	Rule_Set       string
}

func TestVerdicts(t *testing.T) {
	all := config.Rule{Name: "all", Enabled: true}
	ones := config.Rule{Name: "ones", Enabled: true, Tag: &config.Tag{Names: config.Names{Regex: "1.*"}}}
	old, now := compile(t, all, ones), compile(t, ones)

	w := newWorld(t)
	w.rules = now
	for _, set := range []*rules.Set{old, now} {
		if err := w.store.PutRuleSet(t.Context(), set.Hash(), set.Source()); err != nil {
			t.Fatal(err)
		}
	}
	noMatch := rules.Verdict{Rule: "ones", Predicate: "tag", Reason: `tag "2" does not match regex "1.*"`}
	for n, c := range map[int]struct {
		set  *rules.Set
		want []rules.Verdict
	}{
		1: {old, []rules.Verdict{{Rule: "all", Matched: true}, {Rule: "ones", Matched: true}}},
		2: {old, []rules.Verdict{{Rule: "all", Matched: true}, noMatch}},
		3: {now, []rules.Verdict{{Rule: "ones", Predicate: "tag", Reason: `tag "3" does not match regex "1.*"`}}},
	} {
		item := judged(n, c.set)
		w.accept("{}", nil, item)
		var page verdictsPage
		w.get("/api/v1/events/"+item.Event.ID, &page)
		if d := cmp.Diff(verdictsPage{Verdicts: c.want, Rule_Set: c.set.Hash()}, page); d != "" {
			t.Errorf("event %d: %s", n, d)
		}
	}
}

// The trace tells what was done. Where computing it again would tell otherwise, it
// says so.
func TestVerdictsThatDisagree(t *testing.T) {
	w := newWorld(t)
	set := compile(t, config.Rule{Name: "all", Enabled: true})
	w.rules = set
	if err := w.store.PutRuleSet(t.Context(), set.Hash(), set.Source()); err != nil {
		t.Fatal(err)
	}
	item := judged(1, set)
	item.Routing.Matched = []string{"other"}
	w.accept("{}", nil, item)

	var page verdictsPage
	w.get("/api/v1/events/"+item.Event.ID, &page)
	if d := cmp.Diff([]rules.Verdict{{Rule: "other", Matched: true}}, page.Verdicts); d != "" {
		t.Error(d)
	}
	if want := `the rules that match are ["all"], but those that matched when the event was routed are ["other"]`; !strings.Contains(page.Verdicts_Error, want) {
		t.Errorf("got %q", page.Verdicts_Error)
	}
	if rec := ask(w, "HEAD", "/api/v1/events/"+item.Event.ID, nil); rec.Code != http.StatusOK {
		t.Errorf("HEAD: %d", rec.Code)
	}
}

// No rule is asked about a test: one that takes its type has not been left out.
func TestNoVerdictsOfATest(t *testing.T) {
	w := newWorld(t)
	set := compile(t, config.Rule{Name: "own", Enabled: true, Events: []string{"bellbuoy.*"}})
	w.rules = set
	if err := w.store.PutRuleSet(t.Context(), set.Hash(), set.Source()); err != nil {
		t.Fatal(err)
	}
	item := judged(1, set)
	item.Event.Type = event.Test
	var err error
	if item.Routing.JSON, err = json.Marshal(item.Event); err != nil {
		t.Fatal(err)
	}
	w.accept("{}", nil, item)

	var page verdictsPage
	w.get("/api/v1/events/"+item.Event.ID, &page)
	if d := cmp.Diff(verdictsPage{Verdicts: []rules.Verdict{}, Rule_Set: set.Hash()}, page); d != "" {
		t.Error(d)
	}
}
