package templates

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

const stored = `{"v":1,"type":"artifact.pushed","actor":{"name":"<al\nice>"}}`

func set() *Set {
	brackets := func(s string) string { return strings.NewReplacer("<", "(", ">", ")").Replace(s) }
	return New(brackets, strings.ToUpper)
}

func TestFill(t *testing.T) {
	for _, c := range []struct {
		name, template, title string
		text, line, fails     string
		permanent             bool
	}{
		{name: "nothing"},
		{name: "each escaped for its place", template: "by {{.actor.name}}", title: "{{.actor.name}}", text: "by (al\nice)", line: "<AL ICE>"},
		{name: "cannot be read", template: "{{.actor", fails: "read the template of the message to target ci: "},
		{name: "fails for the event", title: `{{len .v}}`, fails: "fill in the title of the message to target ci: ", permanent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, d := set(), plugin.Delivery{Target: "ci", Event: json.RawMessage(stored), Template: c.template, Title: c.title}
			for range 2 { // the second is not read anew
				text, err := s.Text(t.Context(), d)
				line, errOfLine := s.Title(t.Context(), d)
				err = errors.Join(err, errOfLine)
				if c.fails != "" {
					if err == nil || !strings.Contains(err.Error(), c.fails) || (plugin.ReadVerdict(err).Outcome == plugin.PermanentFail) != c.permanent {
						t.Errorf("error %v", err)
					}
					continue
				}
				if err != nil || text != c.text || line != c.line {
					t.Errorf("%q, %q, %v", text, line, err)
				}
			}
		})
	}
}

// Who has no more time is not told that the event is to blame.
func TestFillWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := set().Text(ctx, plugin.Delivery{Event: json.RawMessage(stored), Template: "{{len .v}}"})
	if err == nil || plugin.ReadVerdict(err).Outcome == plugin.PermanentFail {
		t.Errorf("error %v", err)
	}
}

func TestCheck(t *testing.T) {
	c := plugin.Check{Template: "{{.actor", Title: "{{nothing}}", Samples: []json.RawMessage{json.RawMessage(stored)}}
	faults := set().Check(t.Context(), c)
	if len(faults) != 2 || faults[0].Part != plugin.PartTemplate || faults[1].Part != plugin.PartTitle {
		t.Errorf("%+v", faults)
	}
	if faults = set().CheckText(t.Context(), c); len(faults) != 1 || faults[0].Part != plugin.PartTemplate {
		t.Errorf("%+v", faults)
	}
	if faults = set().Check(t.Context(), plugin.Check{Template: "{{.actor.name}}"}); faults != nil {
		t.Errorf("%+v", faults)
	}
}
