package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Noun is what there are collections of in the API.
type Noun string

// The nouns of what can be made, changed and deleted.
const (
	RulesNoun      Noun = "rules"
	TargetsNoun    Noun = "targets"
	RegistriesNoun Noun = "registries"
)

// Object is one registry, target or rule.
type Object struct {
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	Object    json.RawMessage `json:"object"` // with the keys that a file has, its secrets masked
	Owner     Owner           `json:"owner"`
	ReadOnly  bool            `json:"read_only"`
	InUse     bool            `json:"in_use"`
	Why       string          `json:"why"`
	Created   *time.Time      `json:"created"`
	Condition *Condition      `json:"condition"`
	Unused    *Object         `json:"unused"`
	DryRun    bool            `json:"dry_run"`

	JSON json.RawMessage `json:"-"`
}

// Owner is who defines an object.
type Owner struct {
	Kind    string     `json:"kind"` // file, api or default
	File    string     `json:"file"`
	Line    int        `json:"line"`
	Version int64      `json:"version"`
	By      string     `json:"by"`
	Changed *time.Time `json:"changed"`
}

// Wish is how an object is to be changed.
type Wish struct {
	By      string
	Version int64 // that it must have; 0 = any
	DryRun  bool
}

func (w Wish) query() url.Values {
	v := url.Values{"by": {w.By}}
	if w.DryRun {
		v.Set("dry_run", "true")
	}
	return v
}

func (w Wish) header(r *http.Request) {
	if w.Version > 0 {
		r.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(w.Version, 10)))
	}
}

// Object shows one.
func (c *Client) Object(ctx context.Context, noun Noun, name string) (Object, error) {
	return c.object(ctx, http.MethodGet, []string{"api", "v1", string(noun), name}, nil, "", nil)
}

// Create makes one that is not there yet, of a JSON object.
func (c *Client) Create(ctx context.Context, noun Noun, body []byte, w Wish) (Object, error) {
	return c.object(ctx, http.MethodPost, []string{"api", "v1", string(noun)}, w.query(), "application/json", body, w.header)
}

// Put puts a JSON object in the place of one, or makes it.
func (c *Client) Put(ctx context.Context, noun Noun, name string, body []byte, w Wish) (Object, error) {
	return c.object(ctx, http.MethodPut, []string{"api", "v1", string(noun), name}, w.query(), "application/json", body, w.header)
}

// Patch changes parts of one: patch is a JSON merge patch.
func (c *Client) Patch(ctx context.Context, noun Noun, name string, patch []byte, w Wish) (Object, error) {
	return c.object(ctx, http.MethodPatch, []string{"api", "v1", string(noun), name}, w.query(), "application/merge-patch+json", patch, w.header)
}

// Turn has a rule take events, or take none for now.
func (c *Client) Turn(ctx context.Context, rule string, enabled bool, by string) (Object, error) {
	verb := map[bool]string{true: "enable", false: "disable"}[enabled]
	body, err := json.Marshal(map[string]string{"by": by})
	if err != nil {
		return Object{}, err
	}
	return c.object(ctx, http.MethodPost, []string{"api", "v1", "rules", rule, verb}, nil, "application/json", body)
}

// Delete deletes one.
func (c *Client) Delete(ctx context.Context, noun Noun, name string, w Wish) error {
	_, err := c.do(ctx, http.MethodDelete, []string{"api", "v1", string(noun), name}, w.query(), "", nil, nil, w.header)
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

func (c *Client) object(ctx context.Context, method string, path []string, query url.Values, contentType string, body []byte, change ...func(*http.Request)) (Object, error) {
	var o Object
	if _, err := c.do(ctx, method, path, query, contentType, bytes.NewReader(body), &o.JSON, change...); err != nil {
		return o, err
	}
	if err := json.Unmarshal(o.JSON, &o); err != nil {
		return o, fmt.Errorf("read the answer: %w", err)
	}
	return o, nil
}

// Registry is one that may post.
type Registry struct {
	Name    string     `json:"name"`
	Type    string     `json:"type"`
	URL     string     `json:"url"`
	Lookup  bool       `json:"lookup"`
	Source  *Source    `json:"source"`
	Owner   Owner      `json:"owner"`
	Ignores []string   `json:"ignores"`
	Heard   *time.Time `json:"heard"` // when something last came; nil where nothing did

	JSON json.RawMessage `json:"-"`
}

// Registries lists those in use.
func (c *Client) Registries(ctx context.Context) ([]Registry, error) {
	var page []json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "registries"}, nil, &page); err != nil {
		return nil, fmt.Errorf("list registries: %w", err)
	}
	list := make([]Registry, len(page))
	for i, raw := range page {
		list[i].JSON = raw
		if err := json.Unmarshal(raw, &list[i]); err != nil {
			return nil, fmt.Errorf("list registries: read registry: %w", err)
		}
	}
	return list, nil
}

// RuleTest says with which event a rule is tried; what is empty is as suits the rule.
type RuleTest struct {
	Type       string `json:"type,omitempty"`
	Registry   string `json:"registry,omitempty"`
	Repository string `json:"repository,omitempty"`
	Tag        string `json:"tag,omitempty"`
	By         string `json:"by,omitempty"`
}

// RuleTested is what became of it.
type RuleTested struct {
	Event      string   `json:"event"` // "" where none was stored
	Verdict    Verdict  `json:"verdict"`
	Deliveries []string `json:"deliveries"`

	JSON json.RawMessage `json:"-"`
}

// TestRule has a rule judge an event that is made for it, and its targets get it.
func (c *Client) TestRule(ctx context.Context, rule string, t RuleTest) (RuleTested, error) {
	var r RuleTested
	body, err := json.Marshal(t)
	if err == nil {
		err = c.post(ctx, []string{"api", "v1", "rules", rule, "test"}, "application/json", bytes.NewReader(body), &r.JSON)
	}
	if err == nil {
		err = json.Unmarshal(r.JSON, &r)
	}
	if err != nil {
		return r, fmt.Errorf("test rule: %w", err)
	}
	return r, nil
}
