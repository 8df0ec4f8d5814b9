package store

import (
	"path/filepath"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// What every delivery has written of it builds no table for it, as SQLite does for lists
// of more than two values wherever a schema says IN.
func TestUsualStatementsBuildNoTables(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, st := range []struct {
		name, text string
		args       int
	}{
		{"insertArrival", sqliteTexts.insertArrival, 9},
		{"insertEvent", sqliteTexts.insertEvent, 18},
		{"insertDelivery", sqliteTexts.insertDelivery, 15},
		{"record", sqliteTexts.record, 10},
		{"insertAttempt", sqliteTexts.insertAttempt, 12},
	} {
		rows, err := s.read.QueryContext(t.Context(), `EXPLAIN `+st.text, make([]any, st.args)...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		steps := 0
		for rows.Next() {
			var step string
			var rest any
			if err := rows.Scan(&rest, &step, &rest, &rest, &rest, &rest, &rest, &rest); err != nil {
				t.Fatal(err)
			}
			steps++
			if step == "OpenEphemeral" {
				t.Errorf("%s builds a table", st.name)
			}
		}
		if err := rows.Err(); err != nil || steps == 0 {
			t.Fatalf("%s has %d steps: %v", st.name, steps, err)
		}
	}
}

// A delivery is in each of the states, an attempt ends in each of the outcomes, and in no other.
func TestChecks(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	delivery := func(state string) error {
		_, err := s.conn.ExecContext(t.Context(), `INSERT INTO delivery (id, event, target, type, rule, rules, key, state, due, give_up, hold)
			VALUES (?1, 1, '', '', '', '[]', '', ?1, 0, 0, 0)`, state)
		return err
	}
	attempt := func(outcome string) error {
		_, err := s.conn.ExecContext(t.Context(), `INSERT INTO attempt (delivery, n, time, outcome, status, latency, request, reply, scope, error, next)
			VALUES ((SELECT count(*) FROM attempt), 1, 0, ?1, 0, 0, '', '', '', '', 0)`, outcome)
		return err
	}
	for _, state := range States() {
		if err := delivery(string(state)); err != nil {
			t.Errorf("a delivery cannot be %q: %v", state, err)
		}
	}
	for _, outcome := range []plugin.Outcome{plugin.Delivered, plugin.Retry, plugin.PermanentFail, plugin.ThrottledTarget} {
		if err := attempt(string(outcome)); err != nil {
			t.Errorf("an attempt cannot be %q: %v", outcome, err)
		}
	}
	for _, bad := range []string{"", "Waiting", "waiting ", "throttled"} {
		if delivery(bad) == nil {
			t.Errorf("a delivery can be %q", bad)
		}
	}
	for _, bad := range []string{"", "Retry", "dead"} {
		if attempt(bad) == nil {
			t.Errorf("an attempt can be %q", bad)
		}
	}
}
