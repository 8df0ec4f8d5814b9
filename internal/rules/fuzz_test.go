package rules

import (
	"bytes"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Whatever expression is compiled gives the same answer twice, of an event that has
// everything and of one that has nothing, and says why not in one short line.
func FuzzWhere(f *testing.F) {
	for _, source := range []string{
		`event.artifact.size > 1e9`,
		`event.actor?.name ?? "x" == "x"`,
		`any(event.artifact.tags, # startsWith "v") and not event.build.trigger.manual`,
		`count(event.replication.failed, any(.references, # == "v1")) > 1`,
		`date(event.time) - date(event.received) < duration("1h")`,
		`event.repository.full_name matches "(a|b)+$"`,
		`sum(map(event.artifact.platforms, len(.os))) ** 99999 > 1`,
		`[1, {"a": event}][1].a.v == 1 ? true : false`,
	} {
		f.Add(source)
	}
	full, empty := filled(), &event.Event{}
	f.Fuzz(func(t *testing.T, source string) {
		w, err := compileWhere(source)
		if err != nil {
			if message := err.Error(); message == "" || oneLine(message) != message {
				t.Errorf("%q is refused with %q, which is not one line", source, message)
			}
			return
		}
		if len(w.program.Bytecode) > 100*maxWhereNodes {
			t.Errorf("%q is %d instructions long", source, len(w.program.Bytecode))
		}
		c := byWhere(w)
		for _, e := range []*event.Event{full, empty} {
			s := subjectOf(e)
			holds := c.holds(s)
			if again := c.holds(subjectOf(e)); again != holds {
				t.Errorf("%q is %v, and then %v", source, holds, again)
			}
			if holds {
				continue
			}
			why := c.why(s)
			if why == "" || len(why) > 4000 || why != c.why(subjectOf(e)) {
				t.Errorf("%q does not hold because %q", source, why)
			}
		}
	})
}

// Whatever configuration is read, its rules can be kept and made again, and then judge
// as before; and whatever is wrong with them is said of a place.
func FuzzRules(f *testing.F) {
	f.Add([]byte("rules:\n" + examples(f)))
	f.Add([]byte("rules: [{name: a, tag: {regex: v, except: {list: [v1]}}, untagged: match, deliver: [ci]}]"))
	f.Add([]byte("rules: [{name: a, actors: [], ref: {except: {except: x}}, expires_in: -1s, deliver: []}]"))
	f.Add([]byte("rules: [{name: a, kinds: [~], noise: 5, where: 'event.x', severity: {}, deliver: [ci, ci]}]"))
	full, empty := filled(), &event.Event{}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, faults := config.Parse("bb.yml", text, config.Known{})
		set, more := FromConfig(c)
		for _, fault := range faults.Merge(more) {
			if fault.Message == "" || fault.Pos.File != "bb.yml" || fault.Pos.Line > bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r"))+1 {
				t.Errorf("half a fault: %+v", fault)
			}
		}
		if (set == nil) != more.Failed() {
			t.Fatalf("a set is %v, with the faults %v", set, more)
		}
		if set == nil {
			return
		}
		again, err := FromSource(set.Source())
		if err != nil {
			t.Fatalf("%s: %v", set.Source(), err)
		}
		if again.Hash() != set.Hash() {
			t.Errorf("%s became %s", set.Source(), again.Source())
		}
		for _, typ := range event.Types() {
			full.Type, empty.Type = typ, typ
			for _, e := range []*event.Event{full, empty} {
				was, is := set.Explain(e), again.Explain(e)
				routed := set.Route(e)
				for i := range was {
					if was[i] != is[i] {
						t.Errorf("%+v became %+v", was[i], is[i])
					}
					if was[i].Matched {
						if len(routed) == 0 || routed[0].Rule != was[i].Rule {
							t.Fatalf("%+v is not routed", was[i])
						}
						routed = routed[1:]
					}
				}
				if len(routed) > 0 {
					t.Errorf("%+v are routed and not matched", routed)
				}
			}
		}
	})
}
