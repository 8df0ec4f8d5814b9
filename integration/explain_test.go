package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// A push that came is explained by the running bellbuoy, and tried against a config in
// which the same rule wants another tag.
func TestExplainAndBacktest(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	if _, err := s.registry().Push(s.ctx, "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) > 0 })
	id := read(t, s.rec.Arrivals()[0]).ID

	out, err := s.sidecar.Command(s.ctx, "explain", id, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		Verdicts []struct {
			Rule    string
			Matched bool
		}
		Deliveries []struct{ Target string }
	}
	if err := json.Unmarshal(out, &x); err != nil {
		t.Fatal(err)
	}
	if len(x.Verdicts) != 1 || x.Verdicts[0].Rule != "all" || !x.Verdicts[0].Matched || len(x.Deliveries) != 1 || x.Deliveries[0].Target != "ci" {
		t.Errorf("explained: %s", out)
	}

	running, err := os.ReadFile(s.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "new.yml")
	changed := strings.Replace(string(running), "name: all", "name: all\n      tag: {regex: 'release-.*'}", 1)
	if changed == string(running) {
		t.Fatalf("there is no rule to change in %s", running)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = s.sidecar.Command(s.ctx, "backtest", file, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Events int
		Rules  []struct {
			Rule          string
			Before, After int
			OnlyBefore    int `json:"only_before"`
			Dead          bool
		}
		Targets []struct {
			Target  string
			Missing bool
		}
	}
	if err := json.Unmarshal(out, &b); err != nil {
		t.Fatal(err)
	}
	if b.Events != 1 || len(b.Rules) != 1 || b.Rules[0].Before != 1 || b.Rules[0].OnlyBefore != 1 || !b.Rules[0].Dead ||
		len(b.Targets) != 1 || b.Targets[0].Target != "ci" || b.Targets[0].Missing {
		t.Errorf("back-tested: %s", out)
	}
}
