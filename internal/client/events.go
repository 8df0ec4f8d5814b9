package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// pageSize is the most that the server lists at once.
const pageSize = 1000

// Filter chooses events; empty fields do not narrow. Since and Until are RFC 3339
// times or durations back from now: the server reads them.
type Filter struct {
	ID, Type, Registry, Repository, Tag, Digest, NativeID string
	Rule, Target, Outcome                                 string
	Since, Until                                          string
	Limit                                                 int // 1 or more
}

func (f Filter) values() url.Values {
	v := url.Values{}
	for _, p := range [...]struct{ name, value string }{
		{"id", f.ID}, {"type", f.Type}, {"registry", f.Registry}, {"repository", f.Repository},
		{"tag", f.Tag}, {"digest", f.Digest}, {"native_id", f.NativeID},
		{"rule", f.Rule}, {"target", f.Target}, {"outcome", f.Outcome},
		{"since", f.Since}, {"until", f.Until},
	} {
		if p.value != "" {
			v.Set(p.name, p.value)
		}
	}
	return v
}

// Events lists the newest events that pass the filter, and reports whether there
// may be older ones. A limit above one page is asked for page by page.
func (c *Client) Events(ctx context.Context, f Filter) (events []Event, more bool, err error) {
	if f.Limit < 1 {
		return nil, false, fmt.Errorf("list events: limit %d is not 1 or more", f.Limit)
	}
	query := f.values()
	for left := f.Limit; left > 0; left = f.Limit - len(events) {
		query.Set("limit", strconv.Itoa(min(left, pageSize)))
		var page []json.RawMessage
		header, err := c.get(ctx, []string{"api", "v1", "events"}, query, &page)
		if err != nil {
			return nil, false, fmt.Errorf("list events: %w", err)
		}
		for _, raw := range page {
			e := Event{JSON: raw}
			if err := json.Unmarshal(raw, &e); err != nil {
				return nil, false, fmt.Errorf("list events: read event: %w", err)
			}
			events = append(events, e)
		}
		query, more = nextPage(header)
		if !more { // a page may be empty, and others follow
			return events, false, nil
		}
	}
	return events, more, nil
}

// nextPage reads the query of the next page from a Link header.
func nextPage(h http.Header) (url.Values, bool) {
	for _, link := range h.Values("Link") {
		target, params, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if !ok || !strings.Contains(params, `rel="next"`) {
			continue
		}
		if u, err := url.Parse(target); err == nil {
			return u.Query(), true
		}
	}
	return nil, false
}

// Trace tells all that is known of one event.
func (c *Client) Trace(ctx context.Context, id string) (Trace, error) {
	var raw json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "events", id}, nil, &raw); err != nil {
		return Trace{}, fmt.Errorf("trace: %w", err)
	}
	t := Trace{JSON: raw}
	if err := json.Unmarshal(raw, &t); err != nil {
		return Trace{}, fmt.Errorf("trace: read the answer: %w", err)
	}
	return t, nil
}

// Quarantine lists at most limit of the bodies that could not be read, without
// the bodies.
func (c *Client) Quarantine(ctx context.Context, limit int) ([]Quarantined, error) {
	var page []json.RawMessage
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if _, err := c.get(ctx, []string{"api", "v1", "quarantine"}, query, &page); err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	list := make([]Quarantined, len(page))
	for i, raw := range page {
		list[i].JSON = raw
		if err := json.Unmarshal(raw, &list[i]); err != nil {
			return nil, fmt.Errorf("list quarantine: read the answer: %w", err)
		}
	}
	return list, nil
}

// Quarantined shows one body that could not be read.
func (c *Client) Quarantined(ctx context.Context, id string) (Quarantined, error) {
	var raw json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "quarantine", id}, nil, &raw); err != nil {
		return Quarantined{}, fmt.Errorf("show quarantined: %w", err)
	}
	q := Quarantined{JSON: raw}
	if err := json.Unmarshal(raw, &q); err != nil {
		return Quarantined{}, fmt.Errorf("show quarantined: read the answer: %w", err)
	}
	return q, nil
}
