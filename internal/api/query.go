package api

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Filter chooses events, and deliveries by their events. What is empty does not narrow.
type Filter struct {
	Type       eventType `query:"type" json:"type,omitempty" doc:"Of the event." example:"artifact.pushed"`
	Registry   string    `query:"registry" json:"registry,omitempty" doc:"Its name in the configuration."`
	Repository string    `query:"repository" json:"repository,omitempty" doc:"Its full name." example:"prod/api"`
	Tag        string    `query:"tag" json:"tag,omitempty" doc:"One of the artifact's."`
	Digest     string    `query:"digest" json:"digest,omitempty" doc:"Of the artifact."`
	NativeID   string    `query:"native_id" json:"native_id,omitempty" doc:"What the registry calls the event."`
	Rule       string    `query:"rule" json:"rule,omitempty" doc:"One that asked for a delivery."`
	Target     string    `query:"target" json:"target,omitempty" doc:"One that there is a delivery to."`
	Since      string    `query:"since" json:"since,omitempty" doc:"A time, or a duration back from now." example:"24h"`
	Until      string    `query:"until" json:"until,omitempty" doc:"A time, or a duration back from now." example:"2026-01-31T08:00:00Z"`
}

// query is f as the store has it, its times counted from now.
func (f Filter) query(now time.Time) (store.Query, error) {
	q := store.Query{
		Type: string(f.Type), Registry: f.Registry, Repository: f.Repository, Tag: f.Tag, Digest: f.Digest,
		NativeID: f.NativeID, Rule: f.Rule, Target: f.Target,
	}
	var bad faults
	var err error
	q.Since, err = readTime(f.Since, now)
	bad.add("since", err)
	q.Until, err = readTime(f.Until, now)
	bad.add("until", err)
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Since.After(q.Until) {
		bad.add("since", errors.New("it is later than until, so nothing can be between them"))
	}
	return q, bad.err()
}

// times are those of q as a query has them: fixed, so that the pages are of one list.
func times(q store.Query) map[string]string {
	set := map[string]string{}
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			set[name] = t.Format(time.RFC3339Nano)
		}
	}
	return set
}

// eventType is an [event.Type] that a request names.
type eventType string

// Schema has the closed list.
func (eventType) Schema(huma.Registry) *huma.Schema { return oneOf(event.Types()) }

// stateName is a [store.State] that a request names.
type stateName string

// Schema has the closed list.
func (stateName) Schema(huma.Registry) *huma.Schema { return oneOf(store.States()) }

func oneOf[S ~string](values []S) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// readTime reads a time: RFC 3339, or a duration back from now.
func readTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	if d, ok := readDuration(s); ok {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-01-31T08:00:00Z nor a duration back from now such as 90m, 24h or 3d", s)
}

// readDuration reads a Go duration, or whole days as "3d".
func readDuration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

// joined lists names for people.
func joined[S ~string](names []S) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}
