package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Test stores an event that was made to try a target, with its delivery, for by. It goes
// the way of all others from here on.
func (s *Store) Test(ctx context.Context, e event.Event, r Routing, target, by string) error {
	it := Item{Event: e, Routing: r, keys: keys(&e, r)}
	headers, err := json.Marshal(map[string]string{})
	if err != nil {
		return err
	}
	w := &acceptance{s: s, headers: string(headers), a: &Arrival{
		Registry: e.Registry.Name, Received: e.Received, Body: Raw{Bytes: []byte{}}, Items: []Item{it},
	}}
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		if err := w.events(ctx); err != nil {
			return err
		}
		_, err := s.audit(ctx, by, AuditTest, target, map[string]string{"event": e.ID})
		return err
	}})
	if err != nil {
		return fmt.Errorf("test target %s: %w", target, err)
	}
	return nil
}
