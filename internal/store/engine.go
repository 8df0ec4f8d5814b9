package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// engine is what a database does in its own way; the rest of the store does not know
// which it is. Its functions but open and close are called by the writer only, unless they
// say otherwise.
type engine struct {
	// open makes the connections, brings the schema up to date and prepares statements.
	open func(ctx context.Context, o Options) error
	// take makes this process an owner of leases and reads where the numbers stand.
	take func(ctx context.Context) error
	// run does what goes on beside the writer, if something does, until the store closes.
	run func()

	limit    time.Duration // how long a transaction may take; 0 = as long as it does
	begin    func(ctx context.Context) error
	commit   func(ctx context.Context) error // ends the transaction with what this engine adds to each
	rollback func(ctx context.Context) error
	// lost reports whether an error is that of the connection, and not of a statement.
	lost func(err error) bool

	// checkpoint keeps the log short, beside the writer, and reports whether it can start
	// over; nil where that is not ours to do.
	checkpoint func(ctx context.Context) (all bool, err error)
	logFull    func() bool

	// timed says that begin sets the store's clock by the database's, which is the one that
	// processes have in common.
	timed bool

	// What processes have in common; nil where there are no others.
	shared func() bool                                  // there are others now
	lapsed func() bool                                  // they may take this one for dead; anybody may ask
	leads  func() bool                                  // this one does what one must do; anybody may ask
	goesBy func(ctx context.Context, hash string) error // within a transaction: these rules are in use here

	space func(ctx context.Context) (Space, error) // beside the writer, as the rest
	disk  func() (disk, bool)
	files func() Files
	close func() error
	crash func() // close is to leave all as it is; for tests
	// For tests too:
	beat      func(ctx context.Context) error // looks after the other processes, within a transaction
	listening func() bool
}

// isPostgres reports whether a store is named by a URL of PostgreSQL, and not by the path
// of a file.
func isPostgres(store string) bool {
	return strings.HasPrefix(store, "postgres://") || strings.HasPrefix(store, "postgresql://")
}

// dbError puts the words of this package on the drivers' errors.
func dbError(err error) error {
	switch {
	case err == nil:
		return nil
	case sqliteDamaged(err):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case postgresLost(err) && !errors.Is(err, ErrUnavailable):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// final reports whether nothing may be written after err.
func final(err error) bool {
	return sqliteFinal(err) || errors.Is(err, ErrNewer) || errors.Is(err, errOlder)
}

// noRoom reports whether err says that the disk is full.
func noRoom(err error) bool { return sqliteFull(err) || postgresFull(err) }
