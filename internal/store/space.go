package store

import (
	"context"
	"fmt"
	"log/slog"
	"math"
)

// Of the space, in percent: from where on what has ended is deleted, and where what
// cannot be deleted is too much; where it is little enough again; and where the intake
// goes on once it was closed at 100.
const (
	startAt  = 80
	calmAt   = 75
	reopenAt = 95
)

// reserve is what is left of a disk for what was promised; on a small one, reserveShare
// of it.
const (
	reserve      = 64 << 20
	reserveShare = 20
)

// never is a time that does not come.
const never = math.MaxInt64

// ErrFull: the space is used up by what cannot be deleted. It is an [ErrUnavailable]:
// the registry should send again later.
var ErrFull = fmt.Errorf("%w: the space is used up by what has not ended", ErrUnavailable)

// Space is how full the store is, as it was measured last.
type Space struct {
	Limit int64 // what may be in use: Retention.Size, or less where the disk has no more
	Disk  bool  // it is the disk that has no more
	Size  int64 // of the file
	Used  int64 // of that; the rest is free for what comes
	// Alarm says that four fifths of Limit are taken by what cannot be deleted, since it
	// is still to be delivered.
	Alarm bool
	// Full says that Limit is reached: nothing more is accepted until deliveries end.
	Full bool
}

// Space tells how full the store is. Without [Store.Keep] and [Store.Retain], all that it
// knows is whether the disk took what was written last.
func (s *Store) Space() Space {
	var now Space
	if p := s.keeper.space.Load(); p != nil {
		now = *p
	}
	if s.keeper.refused.Load() {
		now.Disk, now.Alarm, now.Full = true, true, true
	}
	return now
}

// room says why nothing can be accepted, nil where something can.
func (s *Store) room() error {
	now := s.keeper.space.Load()
	if now != nil && (now.Full || now.Used+s.keeper.added.Load() >= now.Limit) {
		return ErrFull
	}
	return nil
}

// added counts what was accepted until it is measured: a registry can send more in that
// time than there is room for.
func (s *Store) added(a *Arrival) {
	n := len(a.Body.Bytes)
	for i := range a.Items {
		n += len(a.Items[i].Routing.JSON)
	}
	s.keeper.added.Add(int64(n))
}

// part is so many percent of n.
func part(n, percent int64) int64 { return n / 100 * percent }

// measure looks how full the store is. The log beside the file is not counted: what is
// in it comes to stand in the file.
func (s *Store) measure(ctx context.Context, size int64) (Space, error) {
	s.keeper.added.Store(0) // what comes from here on may be counted twice, until the next time
	now, err := s.engine.space(ctx)
	if err != nil {
		return Space{}, err
	}
	var old Space
	if p := s.keeper.space.Load(); p != nil {
		old = *p
	}
	d, known := s.engine.disk()
	now.Limit, now.Disk = limit(size, now.Size, d, known)
	now.Alarm = old.Alarm && now.Used >= part(now.Limit, calmAt)
	now.Full = now.Used >= now.Limit || old.Full && now.Used >= part(now.Limit, reopenAt)
	s.keeper.space.Store(&now)
	return now, nil
}

// pages measures the file.
func (s *Store) pages(ctx context.Context) (Space, error) {
	var page, pages, free int64
	if err := s.own.QueryRowContext(ctx, s.stmts.text.upkeep.pages).Scan(&page, &pages, &free); err != nil {
		return Space{}, fmt.Errorf("measure store: %w", dbError(err))
	}
	return Space{Size: page * pages, Used: page * (pages - free)}, nil
}

// alarm notes that there is nothing more to delete, and not enough room.
func (s *Store) alarm() {
	if p := s.keeper.space.Load(); p != nil {
		now := *p
		now.Alarm = true
		s.keeper.space.Store(&now)
	}
}

// limit is what may be in use of a file: size, or less where it can become no larger on
// its disk.
func limit(size, file int64, d disk, known bool) (most int64, byDisk bool) {
	if most = file + max(0, d.free-d.reserve()); known && most < size {
		return most, true
	}
	return size, false
}

// disk is what is known of the disk that the store is on.
type disk struct{ size, free int64 }

// reserve is what is left of the disk for what was promised.
func (d disk) reserve() int64 { return min(reserve, d.size/reserveShare) }

// tell logs what has become different since before.
func (now Space) tell(log *slog.Logger, before Space) {
	of := []any{"used", now.Used, "limit", now.Limit, "disk", now.Disk}
	switch {
	case now.Full && !before.Full:
		log.Error("the space is used up by events that are still to be delivered: registries are told to repeat until some are", of...)
	case now.Alarm && !before.Alarm:
		log.Warn("four fifths of the space are taken by events that are still to be delivered, and cannot be deleted", of...)
	case before.Full && !now.Full:
		log.Info("there is room again: events are accepted", of...)
	case before.Alarm && !now.Alarm:
		log.Info("there is enough space again", of...)
	}
}

// String says what is wrong with the space, "" where nothing is.
func (now Space) String() string {
	what := "retention.size"
	if now.Disk {
		what = "what the disk has for them"
	}
	switch {
	case now.Full && now.Used < part(now.Limit, reopenAt) || now.Full && now.Limit == 0:
		return "space: the disk had no room for what was written last; what comes is refused until it has"
	case now.Full:
		return fmt.Sprintf("space: full: events that are still to be delivered take all of %s, %d MiB; no more are accepted until some are", what, now.Limit>>20)
	case now.Alarm:
		return fmt.Sprintf("space: events that are still to be delivered take %d%% of %s, %d MiB", now.Used*100/max(now.Limit, 1), what, now.Limit>>20)
	}
	return ""
}
