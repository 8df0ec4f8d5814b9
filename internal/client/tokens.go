package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Token is what a script shows, without its secret.
type Token struct {
	Name     string     `json:"name"`
	Role     string     `json:"role"`
	Scopes   []string   `json:"scopes"`
	Created  *time.Time `json:"created"` // nil of one of the configuration
	By       string     `json:"by"`
	Expires  *time.Time `json:"expires"`
	Used     *time.Time `json:"used"`      // the hour in which it was last shown
	OldUntil *time.Time `json:"old_until"` // until when the secret before the last rotation is taken
	Owner    string     `json:"owner"`     // FILE:LINE of one of the configuration
	Inactive string     `json:"inactive"`  // why it is not taken

	// Secret is told of what was just made or rotated, and never again.
	Secret string `json:"secret"`

	JSON json.RawMessage `json:"-"`
}

// NewToken is what a token is made of.
type NewToken struct {
	Name      string   `json:"name"`
	Role      string   `json:"role"`
	Scopes    []string `json:"scopes,omitempty"`
	ExpiresIn string   `json:"expires_in,omitempty"`
	By        string   `json:"by,omitempty"`
}

// Tokens lists the tokens.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	var page []json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "tokens"}, nil, &page); err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	list := make([]Token, len(page))
	for i, raw := range page {
		var err error
		if list[i], err = readToken(raw); err != nil {
			return nil, fmt.Errorf("list tokens: %w", err)
		}
	}
	return list, nil
}

// MakeToken makes a token, and returns it with its secret.
func (c *Client) MakeToken(ctx context.Context, n NewToken) (Token, error) {
	t, err := c.postToken(ctx, []string{"api", "v1", "tokens"}, n)
	if err != nil {
		return t, fmt.Errorf("make token %s: %w", n.Name, err)
	}
	return t, nil
}

// RotateToken gives a token another secret, and returns it with that; the one before is taken
// for overlap, such as "24h".
func (c *Client) RotateToken(ctx context.Context, name, overlap, by string) (Token, error) {
	body := map[string]string{"by": by}
	if overlap != "" {
		body["overlap"] = overlap
	}
	t, err := c.postToken(ctx, []string{"api", "v1", "tokens", name, "rotate"}, body)
	if err != nil {
		return t, fmt.Errorf("rotate token %s: %w", name, err)
	}
	return t, nil
}

// DeleteToken ends a token.
func (c *Client) DeleteToken(ctx context.Context, name string) error {
	if _, err := c.do(ctx, http.MethodDelete, []string{"api", "v1", "tokens", name}, nil, "", nil, nil); err != nil {
		return fmt.Errorf("delete token %s: %w", name, err)
	}
	return nil
}

// postToken posts a body and reads the token that is answered.
func (c *Client) postToken(ctx context.Context, path []string, body any) (Token, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Token{}, err
	}
	var raw json.RawMessage
	if err := c.post(ctx, path, "application/json", bytes.NewReader(b), &raw); err != nil {
		return Token{}, err
	}
	return readToken(raw)
}

func readToken(raw json.RawMessage) (Token, error) {
	t := Token{JSON: raw}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("read the answer: %w", err)
	}
	return t, nil
}
