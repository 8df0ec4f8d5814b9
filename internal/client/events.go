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
	list, more, err := c.pages(ctx, []string{"api", "v1", "events"}, f.values(), f.Limit)
	if err != nil {
		return nil, false, fmt.Errorf("list events: %w", err)
	}
	events = make([]Event, len(list))
	for i, raw := range list {
		events[i].JSON = raw
		if err := json.Unmarshal(raw, &events[i]); err != nil {
			return nil, false, fmt.Errorf("list events: read event: %w", err)
		}
	}
	return events, more, nil
}

// pages asks for the first limit items of a list, page by page, and reports whether there
// may be more.
func (c *Client) pages(ctx context.Context, path []string, query url.Values, limit int) (list []json.RawMessage, more bool, err error) {
	for left := limit; left > 0; left = limit - len(list) {
		query.Set("limit", strconv.Itoa(min(left, pageSize)))
		var page []json.RawMessage
		header, err := c.get(ctx, path, query, &page)
		if err != nil {
			return nil, false, err
		}
		list = append(list, page...)
		if query, more = nextPage(header); !more { // a page may be empty, and others follow
			return list, false, nil
		}
	}
	return list, more, nil
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
