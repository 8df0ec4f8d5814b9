package intake

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Who has no rule for bellbuoy's own events reads of them in the log.
func TestOwnEventsAreLogged(t *testing.T) {
	s := openStore(t, temp(t))
	var log bytes.Buffer
	h, err := New(t.Context(), s, plan(t), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Targets(t.Context(), map[string]store.Target{"ci": {}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Disable(t.Context(), "ci", "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.routeDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := s.Events(t.Context(), store.Query{Type: string(event.TargetDisabled), Until: time.Now().Add(time.Hour)})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	for _, want := range []string{"level=WARN", "a target is disabled", "target=ci", `reason="disabled by alice"`, "event=" + decode(t, list[0].Event).ID} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in %s", want, &log)
		}
	}
}
