// Package adapters says what an adapter is: it knows HOW a registry's notifications
// arrive, the envelope and the credentials. What they mean is the translator's
// business. There is one package a registry type below this one.
package adapters

import (
	"fmt"
	"net/http"
)

// MaxBody is how much of a request an adapter is ever given, in bytes.
const MaxBody = 16 << 20

// LargeBody is the size above which a body is kept in part only. Above it, adapters
// also drop what no translator needs, so that a large notification becomes an event of
// ordinary size.
const LargeBody = 1 << 20

// Adapter reads the requests of one registry type.
type Adapter interface {
	// Read splits one authenticated request into the notifications that it
	// carries, in their order; body is the whole of it. Where the path names the event,
	// as in /in/quay/build_start, r.PathValue("event") has that name. An [Unreadable]
	// error sends the body to quarantine; there is no other kind.
	Read(r *http.Request, body []byte) ([]Notification, error)
}

// Notification is one thing that a registry said, not yet understood.
type Notification struct {
	// Native is the registry's own struct, as the adapter's package documents it;
	// the translator of the same registry type takes it.
	Native any
	// ID is the native id, empty where the source has none.
	ID string
	// Raw are the bytes of this notification within the body.
	Raw []byte
}

// EventSize is about what an event takes, in bytes, beside the names in it.
const EventSize = 1 << 10

// Bound reports, as an [Unreadable] error, that n things of one body would be more than
// [MaxBody] in all, where each becomes an event with names of that size: a small body
// must not fill the disk.
func Bound(n int, things string, names int) error {
	if most := MaxBody / (EventSize + names); n > most {
		return Unreadablef("%d or more %s in one body, want at most %d", n, things, most)
	}
	return nil
}

// Unreadable is the reason for which a body could not be read as notifications.
type Unreadable struct {
	Reason string // lower case, for people: what was found where
}

func (u *Unreadable) Error() string { return u.Reason }

// Unreadablef makes an [Unreadable] error.
func Unreadablef(format string, args ...any) error {
	return &Unreadable{Reason: fmt.Sprintf(format, args...)}
}
