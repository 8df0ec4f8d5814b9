// Package translator says what a registry's notifications mean: one file a registry
// type turns the struct that its adapter read into events of the common model. The
// functions are pure. They add nothing that the notification does not say.
package translator

import (
	"crypto/sha1"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Source is where and when a notification came in.
type Source struct {
	Registry event.Registry // Name and Type, as configured
	Received time.Time
}

// namespace is where the ids of events are derived in. It must never change: a
// registry's repeat would then be taken for a new event.
var namespace = uuid.MustParse("2f6d7a3e-4b0c-5d7e-9a61-c1e0b5f3a847")

// derivedID returns the id of the event at position among those that the notification
// with this native id becomes: the same for the same notification, always. Where the
// source has no native id it is empty, and whoever takes the event in gives it one.
func (s Source) derivedID(native string, position int) string {
	if native == "" {
		return ""
	}
	b := make([]byte, 0, 128)
	for _, part := range []string{s.Registry.Name, s.Registry.Type, native} {
		// With its length, so that no two lists of parts run together.
		b = strconv.AppendInt(b, int64(len(part)), 10)
		b = append(b, ':')
		b = append(b, part...)
	}
	b = strconv.AppendInt(b, int64(position), 10)
	return uuid.NewHash(sha1.New(), namespace, b, 5).String()
}

// event starts an event of this source with what all of them have. The zero time, or
// one that RFC 3339 cannot express in UTC, means that the source does not say when.
func (s Source) event(native event.Native, at time.Time, position int) event.Event {
	e := event.Event{
		V:          event.Version,
		ID:         s.derivedID(native.ID, position),
		Time:       at.UTC(),
		TimeSource: event.TimeNative,
		Received:   s.Received.UTC(),
		Registry:   s.Registry,
		Native:     native,
		Origin:     event.OriginNative,
	}
	if y := e.Time.Year(); at.IsZero() || y < 1 || y > 9999 {
		e.Time, e.TimeSource = e.Received, event.TimeReceived
	}
	return e
}

// repository splits a full name. An empty one is no repository.
func repository(fullName string) *event.Repository {
	if fullName == "" {
		return nil
	}
	r := &event.Repository{FullName: fullName, Name: fullName}
	if namespace, name, ok := strings.Cut(fullName, "/"); ok {
		r.Namespace, r.Name = namespace, name
	}
	return r
}
