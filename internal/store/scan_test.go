package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// scanned reads the native ids of what a scan gives, and how many events were held.
func scanned(t *testing.T, s *Store, since time.Time) (ids []string, held int) {
	t.Helper()
	read := 0
	err := s.Scan(t.Context(), since, func(p Scanned) error {
		if p.Read <= read || p.Read > p.Of {
			t.Errorf("%d of %d are read, after %d", p.Read, p.Of, read)
		}
		read, held = p.Read, held+p.Held
		for _, raw := range p.Events {
			var e struct{ Native struct{ ID string } }
			if err := json.Unmarshal(raw, &e); err != nil {
				return err
			}
			ids = append(ids, e.Native.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, held
}

func TestScan(t *testing.T) {
	s := open(t, temp(t))
	if ids, _ := scanned(t, s, time.Time{}); ids != nil {
		t.Errorf("of an empty store: %v", ids)
	}
	now := time.Now()
	var all []string
	const old, n = 300, 700
	for i := range n {
		a := push(fmt.Sprint(i), "app")
		a.Received = now
		if i < old {
			a.Received = now.Add(-2 * time.Hour)
		}
		all = append([]string{fmt.Sprint(i)}, all...)
		if i == n-1 {
			all = all[1:]
			a.Items[0].Routing, a.Items[0].Hold = Routing{}, &Hold{Reason: "lookup", RouteAt: now.Add(time.Hour)}
		}
		if _, err := s.Accept(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if ids, held := scanned(t, s, time.Time{}); !slices.Equal(ids, all) || held != 1 {
		t.Errorf("%d events and %d held, want %d and 1, newest first", len(ids), held, len(all))
	}
	for since, want := range map[time.Duration]int{0: n - old - 1, -time.Minute: n - old - 1, -2 * time.Hour: n - 1, time.Minute: 0, 3 * time.Hour: 0} {
		if ids, _ := scanned(t, s, now.Add(since)); len(ids) != want {
			t.Errorf("since %v: %d events, want %d", since, len(ids), want)
		}
	}
	enough := errors.New("enough")
	if err := s.Scan(t.Context(), time.Time{}, func(Scanned) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Scan(gone, time.Time{}, func(Scanned) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
