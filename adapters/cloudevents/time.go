package cloudevents

import (
	"strings"
	"time"
)

// ParseTime reads a time as RFC 3339 has it, and in the forms that are seen instead:
// with a space for the T, without the colon in the offset, or with a zone's name. A
// time without a zone is not understood, as only the sender's manual tells which.
func ParseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	wall, offset, ok := cutZone(s)
	if !ok {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, strings.TrimSpace(wall)+offset); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// cutZone cuts a zone's name off a time, and returns its offset. EventBridge writes
// 2020-08-17T16:04:46.149Asia/Shanghai. China has one zone, and moved no clock since
// 1991.
func cutZone(s string) (wall, offset string, ok bool) {
	for _, z := range []struct{ name, offset string }{
		{"Asia/Shanghai", "+08:00"}, {"PRC", "+08:00"}, {"UTC", "Z"}, {"GMT", "Z"},
	} {
		if wall, ok := strings.CutSuffix(s, z.name); ok {
			return wall, z.offset, true
		}
	}
	return "", "", false
}
