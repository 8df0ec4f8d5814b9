package app

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/host"
)

// A target of each type that is listed can be described before there is one, without a
// process being started; what does more than send is not listed.
func TestTargetTypes(t *testing.T) {
	r := &running{version: "1.2.3"}
	r.now.Store(&live{settings: settings{types: map[string]plugin.Description{}}})
	h, err := host.New(host.Config{
		Command: func(string) ([]string, error) { return nil, errors.New("no sender is to be started") },
		RunDir:  filepath.Join(t.TempDir(), "run"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close(t.Context())
	types := r.targetTypes()
	if !slices.Contains(types, "webhook") || !slices.IsSorted(types) {
		t.Errorf("types are %v", types)
	}
	for _, typ := range types {
		d, ok, err := r.targetType(t.Context(), typ, h)
		if !ok || err != nil || !json.Valid(d.Options) || d.Version != "1.2.3" || d.Rate == "" {
			t.Errorf("%s: %v %v %+v", typ, ok, err, d)
		}
	}
	if n := len(h.Stats()); n > 0 {
		t.Errorf("%d senders were started", n)
	}
	for _, typ := range []string{"exec", "matrix", ""} {
		if _, ok, _ := r.targetType(t.Context(), typ, h); ok || slices.Contains(types, typ) {
			t.Errorf("there is a type %q", typ)
		}
	}
}
