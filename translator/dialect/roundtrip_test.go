package dialect_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

// TestNativeComesBack says each event of a registry in the registry's own dialect: what
// was in the notification is there again, but for what unlike names, and nothing else is.
func TestNativeComesBack(t *testing.T) {
	for _, g := range tongues() {
		t.Run(g.dialect, func(t *testing.T) {
			used := map[string]bool{}
			said := 0
			for _, n := range notifications(t, g.registry) {
				if !g.speaks(n) {
					continue
				}
				if sayBack(t, g, n, used) {
					said++
				}
			}
			if said == 0 {
				t.Error("nothing was said")
			}
			for path := range unlike(g.dialect) {
				if !used[path] {
					t.Errorf("%s is listed and is always alike: remove it", path)
				}
			}
		})
	}
}

// speaks reports whether n is in the dialect, and not in another that g's adapter reads,
// too: of Harbor's two formats one, and of what EventBridge posts the complete event.
func (g tongue) speaks(n notification) bool {
	complete := bytes.HasPrefix(n.body, []byte("{")) && bytes.Contains(n.body, []byte(`"specversion"`))
	switch g.dialect {
	case "harbor":
		return !complete
	case "harbor-cloudevents", "acr":
		return complete
	}
	return true
}

// sayBack compares n with what its events are in the dialect of g.
func sayBack(t *testing.T, g tongue, n notification, used map[string]bool) bool {
	t.Helper()
	var said []string
	spoke := false
	for _, e := range g.events(t, n.r, n.body) {
		m, err := write(t, named(t, g.dialect), e)
		if none, ok := errors.AsType[*dialect.NoWord](err); ok {
			if e.Type != event.Unknown && e.Origin != event.OriginDerived {
				t.Errorf("%s: %s", n.file, none.Reason)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", n.file, err)
		}
		spoke = true
		said = append(said, leaves(t, m.Body)...)
	}
	if !spoke {
		return false
	}
	differ := func(what string, list, without []string) {
		for _, leaf := range list {
			path, _, _ := strings.Cut(leaf, " = ")
			if slices.Contains(without, leaf) {
				continue
			}
			if listed := covered(g.dialect, path); listed != "" {
				used[listed] = true
				continue
			}
			t.Errorf("%s: %s: %s", n.file, what, leaf)
		}
	}
	native := leaves(t, n.body)
	differ("is lost", native, said)
	differ("is added", said, native)
	return true
}

// covered is what unlike calls a path, or what the path is below; "" if it does not.
func covered(name, path string) string {
	for listed := range unlike(name) {
		if path == listed || strings.HasPrefix(path, listed+".") || strings.HasPrefix(path, listed+"[]") {
			return listed
		}
	}
	return ""
}

// TestEventComesBack translates what an event is in the dialect of its registry: it is the
// same event, but for its id and for what altered changes.
func TestEventComesBack(t *testing.T) {
	for _, g := range tongues() {
		t.Run(g.dialect, func(t *testing.T) {
			came := 0
			for _, n := range notifications(t, g.registry) {
				if !g.speaks(n) {
					continue
				}
				for _, e := range g.events(t, n.r, n.body) {
					m, err := write(t, named(t, g.dialect), e)
					if err != nil {
						continue // TestNativeComesBack tells
					}
					came++
					back := g.events(t, request(m), m.Body)
					if e.Origin == event.OriginDerived || len(back) == 0 {
						t.Fatalf("%s: %s came back as %d events", n.file, e.Type, len(back))
					}
					if diff := cmp.Diff(altered(g.dialect, e), altered(g.dialect, back[0])); diff != "" {
						t.Errorf("%s: what comes back (-sent +came):\n%s\n%s", n.file, diff, m.Body)
					}
				}
			}
			if came == 0 {
				t.Error("nothing came back")
			}
		})
	}
}
