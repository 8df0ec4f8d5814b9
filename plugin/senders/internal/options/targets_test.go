package options

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

type drawer struct {
	key  string
	open bool
}

func drawers() Table[drawer] {
	return Table[drawer]{Of: "a drawer", Example: "{key: a}", Fields: []Field[drawer]{
		{Name: "key", Secret: true, Missing: "give the key", Into: func(d *drawer) Value { return Text(&d.key) }},
	}, Check: func(d *drawer) []plugin.Fault {
		if d.key == "rusty" || d.key == "broken" {
			return []plugin.Fault{{Path: "key", Message: "is old", Warning: true}}
		}
		return nil
	}}
}

// What is opened is opened once for those who are restricted and once for all others,
// where the options have no fault but warnings.
func TestTargetsAreOpened(t *testing.T) {
	opened := 0
	s := NewTargets(drawers(), func(d *drawer, e plugin.Egress) []plugin.Fault {
		opened++
		if d.key == "broken" || d.key == "master" && e.Restricted {
			return []plugin.Fault{{Path: "key", Message: "does not fit"}}
		}
		d.open = true
		return nil
	})
	old, misfit := plugin.Fault{Path: "key", Message: "is old", Warning: true}, plugin.Fault{Path: "key", Message: "does not fit"}
	for _, c := range []struct {
		options    string
		restricted bool
		faults     []plugin.Fault
		opened     int    // by two deliveries
		err        string // "" = it is opened
	}{
		{`{"key":"master"}`, false, nil, 1, ""},
		{`{"key":"master"}`, true, []plugin.Fault{misfit}, 2, "key does not fit"}, // whatever is known of the others
		{`{"key":"own"}`, true, nil, 1, ""},
		{`{"key":"own"}`, false, nil, 1, ""},
		{`{"key":"rusty"}`, false, []plugin.Fault{old}, 1, ""},
		{`{"key":"broken"}`, false, []plugin.Fault{old, misfit}, 2, "key does not fit"},
		{`{}`, false, []plugin.Fault{{Path: "key", Message: "is missing; give the key"}}, 0, "key is missing; give the key"},
	} {
		egress := plugin.Egress{Restricted: c.restricted}
		got, faults := s.Check(plugin.Check{Options: json.RawMessage(c.options), Egress: egress})
		if (got != nil) != (c.err == "") || !cmp.Equal(c.faults, faults) {
			t.Errorf("check %s, restricted: %t: %v, %s", c.options, c.restricted, got, cmp.Diff(c.faults, faults))
		}
		opened = 0
		for range 2 {
			got, scope, err := s.Of(plugin.Delivery{Target: "desk", Options: json.RawMessage(c.options), Egress: egress})
			switch {
			case c.err == "":
				if err != nil || scope != "" || !got.open {
					t.Errorf("%s, restricted: %t: %+v, %q, %v", c.options, c.restricted, got, scope, err)
				}
			case err == nil || err.Error() != "read the options of target desk: "+c.err || scope != plugin.ScopeMisconfigured || got != nil:
				t.Errorf("%s, restricted: %t: %+v, %q, %v", c.options, c.restricted, got, scope, err)
			}
		}
		if opened != c.opened {
			t.Errorf("%s, restricted: %t: opened %d times, want %d", c.options, c.restricted, opened, c.opened)
		}
	}
	if got, faults := s.Check(plugin.Check{}); got != nil || faults != nil {
		t.Errorf("nothing asked: %v, %v", got, faults)
	}
}

// Targets that name nothing to open are read once, restricted or not.
func TestTargetsWithNothingToOpen(t *testing.T) {
	s := NewTargets(drawers(), nil)
	var known *drawer
	for _, restricted := range []bool{false, true} {
		got, scope, err := s.Of(plugin.Delivery{Options: json.RawMessage(`{"key":"rusty"}`), Egress: plugin.Egress{Restricted: restricted}})
		if err != nil || scope != "" || known != nil && got != known {
			t.Errorf("restricted: %t: %p after %p, %q, %v", restricted, got, known, scope, err)
		}
		known = got
	}
	d := s.Describe("drawer", "1", plugin.Defaults{Order: "none"})
	if !cmp.Equal(d, plugin.Description{Type: "drawer", Version: "1", Options: drawers().sheet(new(drawer)).schema(), Secrets: []string{"key"}, Defaults: plugin.Defaults{Order: "none"}}) {
		t.Errorf("%+v", d)
	}
}
