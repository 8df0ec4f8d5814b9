package chattest

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Options compares the faults that are found with options, which are JSON.
func Options(t *testing.T, construct func(version string) plugin.Sender, faults map[string][]plugin.Fault) {
	t.Helper()
	s := New(t, construct)
	for raw, want := range faults {
		got, err := s.Check(t.Context(), plugin.Check{Options: json.RawMessage(raw)})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", raw, err, diff)
		}
	}
}

// Description compares what a sender says of itself, but for the schema of its options.
func Description(t *testing.T, construct func(version string) plugin.Sender, typ string, rate plugin.Rate, secrets ...string) {
	t.Helper()
	got, err := New(t, construct).Describe(t.Context())
	want := plugin.Description{
		Type: typ, Version: "1.2.3", Options: got.Options, Secrets: secrets,
		Defaults: plugin.Defaults{Order: "none", Concurrency: 4, Rate: rate, DigestAfter: 10},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
