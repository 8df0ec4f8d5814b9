package intake

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func TestOneDeliveryForEachMessage(t *testing.T) {
	format := func(f string) config.Rendering { return config.Rendering{Format: f} }
	quay := config.Rendering{Template: config.Template{JSON: `{"name":"${repository.full_name}"}`}}
	rules := []config.Rule{
		{Name: "first", Enabled: true, Deliver: []config.Deliver{{Target: "ci"}, {Target: "raw"}}},
		{Name: "second", Enabled: true, Deliver: []config.Deliver{
			{Target: "ci", Message: format("bellbuoy")}, {Target: "ci", Message: format("native")}, {Target: "ci", Message: quay},
		}},
		{Name: "third", Enabled: true, Deliver: []config.Deliver{
			{Target: "raw", Message: format("native")}, {Target: "ci", Message: quay}, {Target: "raw", Message: format("bellbuoy")},
		}},
	}
	p := plan(t, rules...)
	raw := p.Targets["ci"]
	raw.Message = render.Rendering{Format: "native"}
	p.Targets["raw"] = raw
	e := event.Event{V: 1, ID: "1", Type: event.ArtifactPushed}
	r, err := p.route(&e, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	type made struct {
		Target, Rendering, Rule string
		Rules                   []string
	}
	var got []made
	var ids []string
	for _, d := range r.Deliveries {
		got = append(got, made{d.Target, d.Rendering, d.Rule, d.Rules})
		ids = append(ids, d.ID)
	}
	want := []made{
		{"ci", "", "first", []string{"first", "second"}},
		{"raw", "", "first", []string{"first", "third"}},
		{"ci", `{"format":"native"}`, "second", []string{"second"}},
		{"ci", `{"json":"{\"name\":\"${repository.full_name}\"}"}`, "second", []string{"second", "third"}},
		{"raw", `{"format":"bellbuoy"}`, "third", []string{"third"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != len(want) {
		t.Errorf("%d ids for %d deliveries", n, len(want))
	}
}
