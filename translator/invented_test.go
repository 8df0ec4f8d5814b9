package translator_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// ours are the keys of an event whose text is bellbuoy's own, or made of a number or a
// date: not to be looked for in the body.
var ours = []string{
	"type", "status", "time_source", "origin", "reason", "severity", "kind",
	"time", "received", "started", "ended",
}

// storable checks what holds of each event, whatever the registry said: its type is one
// of the list, only the unknown give a reason, at most one thing has details, and it can
// be stored. It returns the event as whoever reads it gets it.
func storable(t *testing.T, e event.Event) map[string]any {
	t.Helper()
	if !slices.Contains(event.Types(), e.Type) || (e.Type == event.Unknown) != (e.Reason != "") {
		t.Fatalf("type %q with reason %q", e.Type, e.Reason)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatalf("cannot be stored: %v", err)
	}
	var read map[string]any
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	details := 0
	for _, key := range []string{"build", "scan", "vulnerability", "replication", "quota", "retention", "expiry", "delivery_chain"} {
		if _, ok := read[key]; ok {
			details++
		}
	}
	if details > 1 {
		t.Fatalf("has %d kinds of details: %s", details, b)
	}
	return read
}

// noneInvented checks that each text in e, but for [ours], is somewhere in a text of the
// body, or is one of the others.
func noneInvented(t *testing.T, e event.Event, body []byte, others ...string) {
	t.Helper()
	var said any
	if err := json.Unmarshal(body, &said); err != nil {
		t.Fatal(err)
	}
	known := texts(said, nil)
	others = append(others, e.ID, e.Registry.Name, e.Registry.Type)
	for _, s := range texts(storable(t, e), ours) {
		if !slices.Contains(others, s) && !slices.ContainsFunc(known, func(k string) bool { return strings.Contains(k, s) }) {
			t.Fatalf("%q is not in the body %s", s, body)
		}
	}
}

// texts returns the strings in v, but for those below the keys skip.
func texts(v any, skip []string) []string {
	var list []string
	switch v := v.(type) {
	case string:
		list = append(list, v)
	case []any:
		for _, in := range v {
			list = append(list, texts(in, skip)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if !slices.Contains(skip, key) {
				list = append(list, texts(v[key], skip)...)
			}
		}
	}
	return list
}
