package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// A target has the pace of its type unless it says another, or none.
func TestPaceOfATarget(t *testing.T) {
	set := settings{
		types: map[string]plugin.Description{"robot": {Defaults: plugin.Defaults{Rate: plugin.Rate{Sends: 18, Per: time.Minute}, DigestAfter: 10}}},
		config: &config.Config{Targets: []config.Target{
			{Name: "plain", Type: "webhook"},
			{Name: "own", Type: "robot"},
			{Name: "other", Type: "robot", Rate: &config.Rate{Sends: 5, Per: config.Duration(time.Second)}, Digest: &config.Digest{After: 3}},
			{Name: "none", Type: "robot", Rate: &config.Rate{}, Digest: &config.Digest{}},
		}},
	}
	want := map[string]store.Target{
		"plain": {},
		"own":   {Rate: store.Rate{Sends: 18, Per: time.Minute}, DigestAfter: 10},
		"other": {Rate: store.Rate{Sends: 5, Per: time.Second}, DigestAfter: 3},
		"none":  {},
	}
	got := map[string]store.Target{}
	for name, k := range set.kept() {
		got[name] = store.Target{Rate: k.Rate, DigestAfter: k.DigestAfter}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
