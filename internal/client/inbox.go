package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Notice is what people are told of one event.
type Notice struct {
	ID     string     `json:"id"`
	Kind   string     `json:"kind"` // of the inbox: user, team or organization
	Name   string     `json:"name"`
	Time   time.Time  `json:"time"`
	Level  string     `json:"level"`
	Title  string     `json:"title"`
	Facts  []Fact     `json:"facts"`
	Text   string     `json:"text"`
	Link   string     `json:"link"`
	Event  string     `json:"event"`
	Type   string     `json:"type"`
	Target string     `json:"target"`
	Read   *time.Time `json:"read"` // nil: not yet

	JSON json.RawMessage `json:"-"` // as the server told it
}

// Fact is one thing worth knowing of an event.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// InboxFilter chooses notices; empty fields do not narrow.
type InboxFilter struct {
	User   string // who reads; "" = the operator, who sees all
	Unread bool
	Level  string
	Limit  int // 1 or more
}

// Inbox lists the newest notices that pass the filter, and reports whether there may be
// older ones.
func (c *Client) Inbox(ctx context.Context, f InboxFilter) (list []Notice, more bool, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"user": f.User, "level": f.Level} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.Unread {
		query.Set("unread", "true")
	}
	for left := f.Limit; left > 0; left = f.Limit - len(list) {
		query.Set("limit", strconv.Itoa(min(left, pageSize)))
		var page []json.RawMessage
		header, err := c.get(ctx, []string{"api", "v1", "inbox"}, query, &page)
		if err != nil {
			return nil, false, fmt.Errorf("list the inbox: %w", err)
		}
		for _, raw := range page {
			n, err := readNotice(raw)
			if err != nil {
				return nil, false, err
			}
			list = append(list, n)
		}
		if query, more = nextPage(header); !more {
			return list, false, nil
		}
	}
	return list, more, nil
}

func readNotice(raw json.RawMessage) (Notice, error) {
	n := Notice{JSON: raw}
	if err := json.Unmarshal(raw, &n); err != nil {
		return n, fmt.Errorf("read a notice: %w", err)
	}
	return n, nil
}

// Notice shows one.
func (c *Client) Notice(ctx context.Context, user, id string) (Notice, error) {
	query := url.Values{}
	if user != "" {
		query.Set("user", user)
	}
	var raw json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "inbox", id}, query, &raw); err != nil {
		return Notice{}, fmt.Errorf("show notice: %w", err)
	}
	return readNotice(raw)
}

// Mark marks one as read by the user, or as unread.
func (c *Client) Mark(ctx context.Context, user, id string, read bool) (Notice, error) {
	mark := "unread"
	if read {
		mark = "read"
	}
	var raw json.RawMessage
	if err := c.tell(ctx, []string{"api", "v1", "inbox", id, mark}, map[string]string{"user": user}, &raw); err != nil {
		return Notice{}, fmt.Errorf("mark as %s: %w", mark, err)
	}
	return readNotice(raw)
}

// MarkAll marks all as read that the user is told, and returns how many were not.
func (c *Client) MarkAll(ctx context.Context, user, upTo string) (int, error) {
	var answer struct{ Marked int }
	if err := c.tell(ctx, []string{"api", "v1", "inbox", "read"}, map[string]string{"user": user, "up_to": upTo}, &answer); err != nil {
		return 0, fmt.Errorf("mark all as read: %w", err)
	}
	return answer.Marked, nil
}

// tell posts v as JSON.
func (c *Client) tell(ctx context.Context, path []string, v, answer any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.post(ctx, path, "application/json", bytes.NewReader(body), answer)
}
