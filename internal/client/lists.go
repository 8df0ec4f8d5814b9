package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Cursor is where a page of a list ends: the query of the next one; nil where there is none.
type Cursor url.Values

// page asks for one page of a list. Empty parameters are left out.
func page[T any](ctx context.Context, c *Client, what string, path []string, query map[string]string) ([]T, Cursor, error) {
	var list []T
	next, err := onePage(ctx, c, what, path, query, &list)
	return list, next, err
}

// onePage reads the page of a list into v.
func onePage(ctx context.Context, c *Client, what string, path []string, query map[string]string, v any) (Cursor, error) {
	asked := url.Values{}
	for name, value := range query {
		if value != "" {
			asked.Set(name, value)
		}
	}
	header, err := c.get(ctx, path, asked, v)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	next, more := nextPage(header)
	if !more {
		return nil, nil
	}
	return Cursor(next), nil
}

// EventPage lists one page of events, the newest first. The query is that of the API.
func (c *Client) EventPage(ctx context.Context, query map[string]string) ([]Event, Cursor, error) {
	return page[Event](ctx, c, "events", []string{"api", "v1", "events"}, query)
}

// ListedDelivery is one delivery of a list.
type ListedDelivery struct {
	ID       string       `json:"id"`
	Event    event.Event  `json:"event"`
	Rule     string       `json:"rule"`
	Rules    []string     `json:"rules"`
	Target   string       `json:"target"`
	Type     string       `json:"type"`
	State    string       `json:"state"`
	Reason   string       `json:"reason"`
	Next     *time.Time   `json:"next"`
	Ended    *time.Time   `json:"ended"`
	Attempts int          `json:"attempts"`
	Last     *LastAttempt `json:"last"`
}

// DeliveryPage lists one page of deliveries, those planned last first.
func (c *Client) DeliveryPage(ctx context.Context, query map[string]string) ([]ListedDelivery, Cursor, error) {
	return page[ListedDelivery](ctx, c, "deliveries", []string{"api", "v1", "deliveries"}, query)
}

// NoticePage lists one page of the inbox, the newest first.
func (c *Client) NoticePage(ctx context.Context, query map[string]string) ([]Notice, Cursor, error) {
	return page[Notice](ctx, c, "the inbox", []string{"api", "v1", "inbox"}, query)
}

// Unread is how many notices the user has not read; "" = who asks.
func (c *Client) Unread(ctx context.Context, user string) (int, error) {
	query := url.Values{}
	if user != "" {
		query.Set("user", user)
	}
	var answer struct{ Unread int }
	if _, err := c.get(ctx, []string{"api", "v1", "inbox", "unread"}, query, &answer); err != nil {
		return 0, fmt.Errorf("count what is unread: %w", err)
	}
	return answer.Unread, nil
}

// AuditEntry is one thing that somebody had done.
type AuditEntry struct {
	Time    time.Time       `json:"time"`
	By      string          `json:"by"`
	What    string          `json:"what"`
	Object  string          `json:"object"`
	Details json.RawMessage `json:"details"`
}

// AuditPage lists one page of what people had done, the newest first.
func (c *Client) AuditPage(ctx context.Context, query map[string]string) ([]AuditEntry, Cursor, error) {
	return page[AuditEntry](ctx, c, "the audit", []string{"api", "v1", "audit"}, query)
}

// Stats are what happened by the hour, the oldest first.
type Stats struct {
	Events []struct {
		Hour     time.Time `json:"hour"`
		Registry string    `json:"registry"`
		Type     string    `json:"type"`
		What     string    `json:"what"` // stored, counted, duplicate, conflict or quarantined
		Count    int       `json:"count"`
	} `json:"events"`
	Deliveries []struct {
		Hour  time.Time `json:"hour"`
		State string    `json:"state"`
		Count int       `json:"count"`
	} `json:"deliveries"`
}

// Stats tells what happened by the hour since a time, which is one or a duration back.
// Deliveries to all targets are added up.
func (c *Client) Stats(ctx context.Context, since string) (Stats, error) {
	var s Stats
	if _, err := c.get(ctx, []string{"api", "v1", "stats"}, url.Values{"since": {since}, "sum": {"true"}}, &s); err != nil {
		return s, fmt.Errorf("ask for the hours: %w", err)
	}
	return s, nil
}

// LogPage lists one page of the log of a rule or a target, the newest first.
func (c *Client) LogPage(ctx context.Context, noun Noun, name string, query map[string]string) ([]LogEntry, Cursor, error) {
	return page[LogEntry](ctx, c, "log of "+name, []string{"api", "v1", string(noun), name, "log"}, query)
}

// TargetType is what there is to know of a type before a target of it is made.
type TargetType struct {
	Type        string          `json:"type"`
	Version     string          `json:"version"`
	Options     json.RawMessage `json:"options"` // their JSON Schema
	Order       string          `json:"order"`
	Concurrency int             `json:"concurrency"`
	Rate        string          `json:"rate"`
	DigestAfter int             `json:"digest_after"`
	Format      string          `json:"format"`
}

// TargetTypes lists the types that a target may have.
func (c *Client) TargetTypes(ctx context.Context) ([]string, error) {
	list, _, err := page[string](ctx, c, "types of targets", []string{"api", "v1", "target-types"}, nil)
	return list, err
}

// TargetType tells of one type.
func (c *Client) TargetType(ctx context.Context, typ string) (TargetType, error) {
	var t TargetType
	if _, err := c.get(ctx, []string{"api", "v1", "target-types", typ}, nil, &t); err != nil {
		return t, fmt.Errorf("ask for type %s: %w", typ, err)
	}
	return t, nil
}

// Preview is what a rule would have made of stored events.
type Preview struct {
	Events    int         `json:"events"`
	Matched   int         `json:"matched"`
	More      bool        `json:"more"`
	Taken     []Previewed `json:"taken"`
	NotTaken  []Previewed `json:"not_taken"`
	NotStored []string    `json:"not_stored"`
}

// Previewed is one of them.
type Previewed struct {
	Event  string    `json:"event"`
	Type   string    `json:"type"`
	About  string    `json:"about"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
}

// PreviewRule says what a rule would have made of the events since a time.
func (c *Client) PreviewRule(ctx context.Context, name string, body []byte, since string) (Preview, error) {
	var p Preview
	_, err := c.do(ctx, http.MethodPost, []string{"api", "v1", "rules", name, "preview"}, url.Values{"since": {since}}, "application/json", bytes.NewReader(body), &p)
	return p, err
}

// TargetPage lists one page of targets; the query is that of the API.
func (c *Client) TargetPage(ctx context.Context, query map[string]string) ([]Target, Cursor, error) {
	return page[Target](ctx, c, "targets", []string{"api", "v1", "targets"}, query)
}

// RulePage tells one page of the rules in use; the query is that of the API.
func (c *Client) RulePage(ctx context.Context, query map[string]string) (Rules, Cursor, error) {
	var r Rules
	next, err := onePage(ctx, c, "rules", []string{"api", "v1", "rules"}, query, &r)
	return r, next, err
}
