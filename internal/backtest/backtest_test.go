package backtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setOf(t *testing.T, list ...config.Rule) *rules.Set {
	t.Helper()
	set, faults := rules.Compile(list)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// rule takes the tags that regex matches.
func rule(name, regex string, deliver ...config.Deliver) config.Rule {
	return config.Rule{Name: name, Enabled: true, Deliver: deliver, Tag: &config.Tag{Names: config.Names{Regex: regex}}}
}

func to(target, format string) config.Deliver {
	return config.Deliver{Target: target, Message: config.Rendering{Format: format}}
}

// pushes are n pushes of app:0, app:1 and so on, in pages.
func pushes(n int) func(context.Context, func([]json.RawMessage, int) error) error {
	return func(_ context.Context, page func([]json.RawMessage, int) error) error {
		var list []json.RawMessage
		for i := range n {
			b, err := json.Marshal(event.Event{
				ID: fmt.Sprint("id-", i), Type: event.ArtifactPushed, Repository: &event.Repository{FullName: "app"},
				Artifact: &event.Artifact{Tags: []string{fmt.Sprint(i)}},
			})
			if err != nil {
				return err
			}
			if list = append(list, b); len(list) == 7 || i == n-1 {
				if err := page(list, 1); err != nil {
					return err
				}
				list = nil
			}
		}
		return nil
	}
}

func anyTarget(name string) bool { return name != "nowhere" }

func TestCompare(t *testing.T) {
	got, err := Run(t.Context(), Test{
		Before: setOf(t,
			rule("even", `\d*[02468]`, to("ci", "")),
			rule("gone", `1\d*`, to("ci", ""), to("old", "")),
			rule("moved", `5`, to("ci", "")),
			rule("kept", `7|9`, to("new", "")),
		),
		After: setOf(t,
			rule("even", `\d*[0246]`, to("ci", "")),
			rule("new", `\d*`, to("nowhere", ""), to("nowhere", "tcr")),
			rule("never", `x`, to("ci", "")),
			rule("moved", `5`, to("ci", "tcr")),
			rule("kept", `7|9`, to("new", "")),
			config.Rule{Name: "pulls", Enabled: true, Events: []string{"artifact.pulled"}, Deliver: []config.Deliver{to("ci", "")}},
		),
		HasTarget: anyTarget, Events: pushes(100),
	})
	if err != nil {
		t.Fatal(err)
	}
	ex := func(tags ...int) []Example {
		list := []Example{}
		for _, n := range tags {
			list = append(list, Example{ID: fmt.Sprint("id-", n), Type: event.ArtifactPushed, About: fmt.Sprint("app:", n)})
		}
		return list
	}
	want := Result{
		Events: 100, Held: 15,
		Rules: []Rule{
			{Name: "even", Change: Change{50, 40, 10, 0}, Examples: Examples{ex(8, 18, 28), ex()}},
			{Name: "new", Change: Change{0, 100, 0, 100}, Is: "new", Examples: Examples{ex(), ex(0, 1, 2)}},
			{Name: "never", Dead: true, Is: "new", Examples: Examples{ex(), ex()}},
			// It matches as before; what changes is what its target is told.
			{Name: "moved", Change: Change{1, 1, 0, 0}, Examples: Examples{ex(), ex()}},
			{Name: "kept", Change: Change{2, 2, 0, 0}, Examples: Examples{ex(), ex()}},
			{Name: "pulls", Dead: true, Is: "new", Examples: Examples{ex(), ex()}},
			{Name: "gone", Change: Change{11, 0, 11, 0}, Is: "gone", Examples: Examples{ex(1, 10, 11), ex()}},
		},
		Targets: []Target{
			// Before: the 50 even ones, 5, and of 1, 10 to 19 the odd ones. After: 40, and 5 otherwise.
			{Name: "ci", Change: Change{57, 41, 17, 1}, Examples: Examples{ex(1, 5, 8), ex(5)}},
			{Name: "nowhere", Change: Change{0, 200, 0, 200}, Missing: true, Examples: Examples{ex(), ex(0, 0, 1)}},
			{Name: "new", Change: Change{2, 2, 0, 0}, Examples: Examples{ex(), ex()}},
			{Name: "old", Change: Change{11, 0, 11, 0}, Examples: Examples{ex(1, 10, 11), ex()}},
		},
		Errors: []Error{}, NotStored: []event.Type{event.ArtifactPulled},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Example{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestRunEnds(t *testing.T) {
	set := setOf(t, rule("all", ".*", to("ci", "")))
	broken := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		events func(context.Context, func([]json.RawMessage, int) error) error
		want   error
	}{
		"with what cannot be read": {func(context.Context, func([]json.RawMessage, int) error) error { return broken }, broken},
		"with what is no event": {func(_ context.Context, page func([]json.RawMessage, int) error) error {
			for {
				if err := page([]json.RawMessage{[]byte(`{"type": 7}`)}, 0); err != nil {
					return err
				}
			}
		}, new(json.UnmarshalTypeError)},
	} {
		_, err := Run(t.Context(), Test{Before: set, After: set, HasTarget: anyTarget, Events: c.events})
		var typed *json.UnmarshalTypeError
		if !errors.Is(err, c.want) && !errors.As(err, &typed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The one who asked goes away.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, Test{Before: set, After: set, HasTarget: anyTarget, Events: func(ctx context.Context, page func([]json.RawMessage, int) error) error {
		cancel()
		<-ctx.Done()
		return page([]json.RawMessage{[]byte("{}")}, 0)
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTwoRulesOfOneName(t *testing.T) {
	set := setOf(t, rule("all", ".*"), rule("all", "x"))
	if _, err := Run(t.Context(), Test{Before: set, After: set, HasTarget: anyTarget, Events: pushes(1)}); !errors.Is(err, ErrRules) {
		t.Errorf("got %v", err)
	}
}

// An expression that cannot be computed for an event is told apart from one that is
// false.
func TestExpressionThatFails(t *testing.T) {
	failing := config.Rule{Name: "failing", Enabled: true, Where: `event.artifact.size > 1`, Deliver: []config.Deliver{to("ci", "")}}
	old := failing // what failed before is not news
	old.Name = "old"
	falsely := config.Rule{Name: "false", Enabled: true, Where: `event.repository.full_name == "cannot be computed"`, Deliver: []config.Deliver{to("ci", "")}}
	got, err := Run(t.Context(), Test{Before: setOf(t, old), After: setOf(t, failing, falsely, old), HasTarget: anyTarget, Events: pushes(20)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Errors) != 1 {
		t.Fatalf("got %+v", got.Errors)
	}
	if e := got.Errors[0]; e.Rule != "failing" || e.Events != 20 || e.First.ID != "id-0" || e.Reason == "" {
		t.Errorf("got %+v", e)
	}
}
