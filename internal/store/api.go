package store

import (
	"context"
	"errors"
	"time"
)

// Errors that callers tell apart.
var (
	ErrNotFound = errors.New("not found")
	ErrLocked   = errors.New("store is in use by another bellbuoy")
	ErrNewer    = errors.New("store was written by a newer bellbuoy")
	ErrCorrupt  = errors.New("store is corrupt")
	// ErrUnavailable: the store cannot take it now; nothing of it was written.
	ErrUnavailable = errors.New("store unavailable")
)

type Store struct{}

func Open(ctx context.Context, path string, o Options) (*Store, error)           { panic("soon") }
func (s *Store) Close() error                                                    { panic("soon") }
func (s *Store) Accept(ctx context.Context, a Arrival) (Accepted, error)         { panic("soon") }
func (s *Store) PutRuleSet(ctx context.Context, hash string, rules []byte) error { panic("soon") }
func (s *Store) HeldDue(ctx context.Context, now time.Time, n int) ([]Held, error) {
	panic("soon")
}
func (s *Store) Route(ctx context.Context, id string, r Routing) error            { panic("soon") }
func (s *Store) Events(ctx context.Context, q Query) ([]Listed, error)            { panic("soon") }
func (s *Store) Trace(ctx context.Context, id string) (Trace, error)              { panic("soon") }
func (s *Store) Quarantine(ctx context.Context, limit int) ([]Quarantined, error) { panic("soon") }
func (s *Store) Quarantined(ctx context.Context, id string) (Quarantined, error)  { panic("soon") }

type Options struct {
	Version string // of this bellbuoy, kept in the store to name who wrote it
}
