package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Own is the registry, and the registry's type, that bellbuoy's own events are from.
const Own = "bellbuoy"

// raiseEvery is how often an own event of one type about one object is raised at the most.
const raiseEvery = time.Minute

// raise writes down an own event about a target, within the transaction that makes it
// true. It is held, so that the rules find out who hears of it as soon as this is
// committed. It reports whether it did: not more than once a minute for the same thing.
func (s *Store) raise(ctx context.Context, t event.Type, about string, target event.Target, now time.Time) (bool, error) {
	r, err := s.conn.ExecContext(ctx, s.stmts.text.raise, string(t), about, micros(now), raiseEvery.Microseconds())
	if err != nil {
		return false, err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return false, err
	}
	now = now.UTC()
	w := &acceptance{s: s, headers: "{}", a: &Arrival{
		Registry: Own, Received: s.steady.moment(now), Body: Raw{Bytes: []byte{}},
		Items: []Item{{
			Event: event.Event{
				V: event.Version, ID: id.String(), Type: t, Time: now, TimeSource: event.TimeNative, Received: now,
				Registry: event.Registry{Name: Own, Type: Own}, Target: &target, Origin: event.OriginDerived,
			},
			Hold: &Hold{Reason: "own", RouteAt: s.steady.moment(now)},
		}},
	}}
	w.a.Items[0].keys = keys(&w.a.Items[0].Event, Routing{})
	return true, w.events(ctx)
}
