package app

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// A good configuration that the store cannot take now is told as such, once, and tried
// again; that which was in use stays.
func TestReloadThatTheStoreCannotTake(t *testing.T) {
	file, dir := write(t, oneRule("one", "http://127.0.0.1:9/"))
	st, err := store.Open(t.Context(), filepath.Join(dir, "bellbuoy.db"), store.Options{Version: "test"})
	must(t, err)
	set, _, err := load(t.Context(), Files{Config: file}, "test")
	must(t, err)
	var log bytes.Buffer
	now := &running{store: st, log: slog.New(slog.NewTextHandler(&log, nil)), version: "test", guard: access.New(access.Config{})}
	must(t, now.begin(t.Context(), set))
	defer now.close()
	// Without senders: none is started for what is not in use.
	r := &reloader{running: now, files: set.files, warmed: map[string]bool{}, seen: set.config.Reads()}
	must(t, st.Close())

	put(t, file, oneRule("two", "http://127.0.0.1:9/"))
	for range 3 {
		r.look(t.Context(), false)
	}
	v := now.shown()
	if v.Rules[0].Name != "one" || v.Failed == nil || !strings.Contains(v.Failed.Faults[0].Text, "is good and cannot be used yet") || !r.again {
		t.Errorf("in use: %+v, again %v", v, r.again)
	}
	put(t, file, "rules: {}\n")
	for range 3 {
		r.look(t.Context(), false)
	}
	if n := strings.Count(log.String(), "cannot be used; the last good one stays"); n != 2 || !r.again {
		t.Errorf("logged %d times, again %v:\n%s", n, r.again, &log)
	}
	// What was in use is to be used anew: the store may have heard of the other.
	put(t, file, oneRule("one", "http://127.0.0.1:9/"))
	r.look(t.Context(), false)
	if f := now.shown().Failed; f == nil || !strings.Contains(f.Faults[0].Text, "cannot be used yet") {
		t.Errorf("told %+v", f)
	}
}
