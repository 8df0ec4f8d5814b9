package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// sqliteMagic is how a SQLite file begins.
const sqliteMagic = "SQLite format 3\x00"

// Backup has the server copy its store, writes the copy to w and returns its size. That
// may take long: only ctx bounds it.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.JoinPath("api", "v1", "backup").String(), strings.NewReader("{}"))
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", c.server, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	patient := *c.http
	patient.Timeout = 0
	resp, err := patient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("back up: %w", c.unreachable(err))
	}
	defer resp.Body.Close()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "application/vnd.sqlite3" {
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return 0, fmt.Errorf("back up: %w", c.unreachable(err))
		}
		if err := c.read(resp, body, &struct{}{}); err != nil {
			return 0, fmt.Errorf("back up: %w", err)
		}
		return 0, fmt.Errorf("back up: %s sent no copy of its store", c.server)
	}
	magic := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(resp.Body, magic); err != nil || string(magic) != sqliteMagic {
		return 0, errors.Join(fmt.Errorf("back up: what %s sent is no copy of a store", c.server), err)
	}
	if _, err := w.Write(magic); err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	n, err := io.Copy(w, resp.Body)
	if n += int64(len(magic)); err != nil {
		return n, fmt.Errorf("back up: after %d bytes: %w", n, err)
	}
	if resp.ContentLength >= 0 && n != resp.ContentLength {
		return n, fmt.Errorf("back up: %d of %d bytes came from %s", n, resp.ContentLength, c.server)
	}
	return n, nil
}
