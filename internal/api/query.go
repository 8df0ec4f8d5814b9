package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// filters returns the query parameters of the list of events.
func filters() []string {
	return []string{
		"id", "type", "registry", "repository", "tag", "digest", "native_id",
		"rule", "target", "outcome", "since", "until", "limit", "before",
	}
}

// readQuery reads the parameters of the list of events; its error names all that
// is wrong with them.
func readQuery(raw string, now time.Time) (store.Query, error) {
	v, err := readValues(raw, filters())
	if err != nil {
		return store.Query{}, err
	}
	q := store.Query{
		ID: v.Get("id"), Type: v.Get("type"), Registry: v.Get("registry"), Repository: v.Get("repository"),
		Tag: v.Get("tag"), Digest: v.Get("digest"), NativeID: v.Get("native_id"),
		Rule: v.Get("rule"), Target: v.Get("target"), Outcome: v.Get("outcome"),
		Before: v.Get("before"),
	}

	var faults []string
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err.Error())
		}
	}
	if q.Type != "" && !slices.Contains(event.Types(), event.Type(q.Type)) {
		fault(fmt.Errorf("type: there is no event type %q; one is artifact.pushed", q.Type))
	}
	if q.Outcome != "" && !slices.Contains(store.States(), store.State(q.Outcome)) {
		fault(fmt.Errorf("outcome: %q is none of %s", q.Outcome, joined(store.States())))
	}
	q.Since, err = readTime(v, "since", now)
	fault(err)
	q.Until, err = readTime(v, "until", now)
	fault(err)
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Since.After(q.Until) {
		fault(fmt.Errorf("since: it is later than until, so nothing can be between them"))
	}
	q.Limit, err = readLimit(v)
	fault(err)

	if len(faults) > 0 {
		return store.Query{}, fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return q, nil
}

// readValues reads a query string in which each of the known parameters may stand
// once. A parameter that is not known is refused: ignored, a misspelt filter would
// list everything.
func readValues(raw string, known []string) (url.Values, error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("the query cannot be read: %w", err)
	}
	for name, values := range v {
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("there is no filter %q; there are %s", name, strings.Join(known, ", "))
		case len(values) > 1:
			return nil, fmt.Errorf("%s: it is given %d times; give it once", name, len(values))
		}
	}
	return v, nil
}

// readTime reads a time: RFC 3339, or a duration back from now.
func readTime(v url.Values, name string, now time.Time) (time.Time, error) {
	s := v.Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	if d, ok := readDuration(s); ok {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%s: %q is neither a time such as 2026-01-31T08:00:00Z nor a duration back from now such as 90m, 24h or 3d", name, s)
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

// readLimit reads limit.
func readLimit(v url.Values) (int, error) {
	s := v.Get("limit")
	if s == "" {
		return store.DefaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > store.MaxLimit {
		return 0, fmt.Errorf("limit: %q is not a number from 1 to %d", s, store.MaxLimit)
	}
	return n, nil
}

// next returns the query string of the page behind q's: the same question, its
// times fixed, from cursor on.
func next(q store.Query, cursor string) string {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("id", q.ID)
	set("type", q.Type)
	set("registry", q.Registry)
	set("repository", q.Repository)
	set("tag", q.Tag)
	set("digest", q.Digest)
	set("native_id", q.NativeID)
	set("rule", q.Rule)
	set("target", q.Target)
	set("outcome", q.Outcome)
	if !q.Since.IsZero() {
		set("since", q.Since.Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		set("until", q.Until.Format(time.RFC3339Nano))
	}
	set("limit", strconv.Itoa(q.Limit))
	set("before", cursor)
	return v.Encode()
}

// joined lists names for people.
func joined[S ~string](names []S) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}
