package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// Match is in the input of what changes an object, so that nobody overwrites what he has
// not seen.
type Match struct {
	IfMatch     string `header:"If-Match" doc:"The ETag of what is to be changed: it is refused with 412 where somebody else has changed it since."`
	IfNoneMatch string `header:"If-None-Match" doc:"* where there must be none yet: it is refused with 412 where there is one."`
}

// version returns the [objects.Change.Version] of a change to what has the version current,
// 0 where there is none; the error answers 412 where that is not what was seen.
func (m Match) version(current int64) (int64, error) {
	if m.IfNoneMatch != "" {
		if m.IfNoneMatch != "*" {
			return 0, problemf(http.StatusBadRequest, "If-None-Match: %q is not *, which is all that there is for a change", m.IfNoneMatch)
		}
		if current != 0 {
			return 0, problemf(http.StatusPreconditionFailed, "there is one already: it has the ETag %s", etag(current))
		}
	}
	switch {
	case m.IfMatch == "" && m.IfNoneMatch == "":
		return objects.Any, nil
	case m.IfMatch == "":
		return current, nil
	case current == 0:
		return 0, problemf(http.StatusPreconditionFailed, "there is none any more, so that its ETag is not %s", m.IfMatch)
	}
	for tag := range strings.SplitSeq(m.IfMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag(current) {
			return current, nil
		}
	}
	return 0, problemf(http.StatusPreconditionFailed, "it was changed meanwhile, and has the ETag %s: read it again, and make the change to that", etag(current))
}

// etag is that of an object's version.
func etag(version int64) string { return fmt.Sprintf(`"%d"`, version) }
