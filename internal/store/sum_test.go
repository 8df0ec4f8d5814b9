package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"
)

// damage changes rows behind the store's back, as damage to its file does.
func damage(t *testing.T, s *Store, query string) {
	t.Helper()
	if err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, query)
		return err
	}}); err != nil {
		t.Fatal(err)
	}
}

// What was damaged within a value, where SQLite does not see it, is not handed out: the
// store fails, since nobody knows what else is.
func TestDamagedValueIsNotHandedOut(t *testing.T) {
	for what, query := range map[string]string{
		"event":  `UPDATE event SET json = CAST(replace(CAST(json AS TEXT), 'team/app', 'team/apq') AS BLOB)`,
		"id":     `UPDATE delivery SET id = replace(id, substr(id, -4), 'abcd')`,
		"events": `UPDATE delivery SET event = 3 - event`,
		"type":   `UPDATE delivery SET type = 'webhooj'`,
	} {
		t.Run(what, func(t *testing.T) {
			path := file(t)
			s := open(t, path)
			for i := range 2 {
				accept(t, s, push(fmt.Sprint("n", i), "team/app", "ci"))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path) // what was handed over in memory is read from here on
			damage(t, s, query)
			if cs, err := s.Claim(t.Context(), "ci", 2); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("claimed %v, %v", cs, err)
			}
			if err := <-s.Failed(); !errors.Is(err, ErrCorrupt) {
				t.Errorf("failed: %v", err)
			}
		})
	}
}

func TestDamagedBodyIsNotHandedOut(t *testing.T) {
	s := open(t, file(t))
	a := push("n1", "team/app", "ci")
	a.Body.SHA256 = sha256.Sum256(a.Body.Bytes)
	accept(t, s, a)
	c := claim(t, s, "ci", 1)[0]
	if _, _, err := s.Native(t.Context(), c.Seq); err != nil {
		t.Fatal(err)
	}
	damage(t, s, `UPDATE arrival SET body = CAST('n2' AS BLOB)`)
	if raw, _, err := s.Native(t.Context(), c.Seq); !errors.Is(err, ErrCorrupt) {
		t.Errorf("read %q, %v", raw.Bytes, err)
	}
}

// A number that leads to the body of another event is damage too, though that body is whole.
func TestBodyOfAnotherIsNotHandedOut(t *testing.T) {
	s := open(t, file(t))
	for _, native := range []string{"n1", "n2"} {
		a := push(native, "team/app", "ci")
		a.Body.SHA256 = sha256.Sum256(a.Body.Bytes)
		accept(t, s, a)
	}
	c := claim(t, s, "ci", 1)[0]
	damage(t, s, `UPDATE event SET arrival = 3 - arrival`)
	if raw, _, err := s.Native(t.Context(), c.Seq); !errors.Is(err, ErrCorrupt) {
		t.Errorf("read %q, %v", raw.Bytes, err)
	}
}

// Deliveries that were planned before they had a sum are handed out without.
func TestDeliveryWithoutSum(t *testing.T) {
	path := file(t)
	s := open(t, path)
	accept(t, s, push("n1", "team/app", "ci"))
	damage(t, s, `UPDATE delivery SET sum = NULL`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := natives(t, claim(t, open(t, path), "ci", 1)); got != "n1" {
		t.Errorf("claimed %q", got)
	}
}

// What bellbuoy tells of itself came in no body: there is nothing that could be damaged.
func TestBodyOfOwnEvent(t *testing.T) {
	s := open(t, temp(t))
	if err := s.Targets(t.Context(), map[string]Target{"ci": {Type: "webhook"}, "ops": {Type: "webhook"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Disable(t.Context(), "ci", "alice"); err != nil {
		t.Fatal(err)
	}
	held, _, err := s.HeldDue(t.Context(), time.Now(), 2)
	if err != nil || len(held) != 1 {
		t.Fatalf("%d events of bellbuoy's own, %v", len(held), err)
	}
	routing := push("n1", "team/app", "ops").Items[0].Routing
	if err := s.Route(t.Context(), held[0].ID, routing); err != nil {
		t.Fatal(err)
	}
	if raw, _, err := s.Native(t.Context(), claim(t, s, "ops", 1)[0].Seq); err != nil || len(raw.Bytes) != 0 {
		t.Errorf("%q, %v", raw.Bytes, err)
	}
}
