package store

import (
	"context"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Shadowing is what a delivery to a target in shadow mode came to, the last time.
type Shadowing struct {
	Time    time.Time      `json:"time"`
	Request plugin.Request `json:"request"`         // as it would have been sent, secrets masked
	Error   string         `json:"error,omitempty"` // why there is none
}

// shadow tells what is handed over, and not yet claimed, of targets that are in shadow mode
// from now on, or are not any more: the mode that counts is that at the claim.
func (s *Store) shadow(old, named map[string]Target) {
	for name, now := range named {
		if was, ok := old[name]; !ok || was.Shadow == now.Shadow {
			continue
		}
		s.shelves.change(name, func(sh *shelf) {
			for i := range sh.handed {
				sh.handed[i].Shadow = now.Shadow
			}
		})
	}
}

// keepShadow keeps what would have been sent.
func (s *Store) keepShadow(ctx context.Context, o Outcome, request string) error {
	body := "event"
	if o.Native {
		body = "native"
	}
	_, err := s.conn.ExecContext(ctx, s.stmts.text.after.keepShadow, o.Seq, micros(o.Time), request, body, o.Error)
	return err
}
