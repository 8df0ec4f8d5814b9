package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// Running is the configuration in use, as the API tells it. It is read only.
type Running struct {
	File    string    `json:"file"` // "" where bellbuoy was given none
	Loaded  time.Time `json:"loaded"`
	RuleSet string    `json:"rule_set"` // the hash that stored events name
	Rules   []Rule    `json:"rules"`    // in their order
	Targets []Target  `json:"-"`
	// Registries are those that may post, in their order.
	Registries []Registry `json:"-"`
	// Inactive are the objects made through the API that are not in use.
	Inactive []Inactive `json:"inactive,omitempty"`
	// Warnings are what was said of it though it is good.
	Warnings []Fault `json:"warnings"`
	// Failed is the last reload, where that changed nothing.
	Failed *FailedReload `json:"failed"`
	// Notices are what /readyz says besides, a line each.
	Notices []string `json:"-"`
}

// Source is what owns an object: a place in a file.
type Source struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// String returns FILE:LINE.
func (s Source) String() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Rule is one rule of the configuration in use.
type Rule struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Enabled     bool     `json:"enabled"`
	Events      []string `json:"events"` // as it names them; empty = those that are taken unasked
	Targets     []string `json:"targets"`
	Source      *Source  `json:"source"`
	Owner       Owner    `json:"owner,omitzero"`
}

// Target is one target of the configuration in use.
type Target struct {
	Name   string
	Type   string
	Source *Source
	Owner  Owner
	// Unverified are addresses of its to which nothing is sent but a link.
	Unverified []Unverified
}

// Registry is one registry of the configuration in use.
type Registry struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	URL    string  `json:"url,omitempty"`
	Lookup bool    `json:"lookup"` // whether it is asked for what its notifications leave out
	Source *Source `json:"source"`
	Owner  Owner   `json:"owner"`
	// Ignores are the actions and media types of which the registry's own configuration says
	// that it does not tell bellbuoy.
	Ignores []string `json:"ignores"`
	// Heard is when it last posted what was taken; nil where that is not known.
	Heard *time.Time `json:"heard"`
}

// Who defines an object.
const (
	OwnedByFile    = "file"
	OwnedByAPI     = "api"
	OwnedByDefault = "default" // bellbuoy has it where it has no configuration
)

// Owner is who defines an object, so that it can be changed there and nowhere else.
type Owner struct {
	Kind string `json:"kind"` // file, api or default
	// Of a file: where in it.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Of the API: its version, and who changed it last, when.
	Version int64      `json:"version,omitempty"`
	By      string     `json:"by,omitempty"`
	Changed *time.Time `json:"changed,omitempty"`
}

// Inactive is an object made through the API that is not in use.
type Inactive struct {
	Kind  objects.Kind `json:"kind"`
	Name  string       `json:"name"`
	Why   string       `json:"why"`
	File  string       `json:"file,omitempty"` // FILE:LINE of what a file has under its name
	Owner Owner        `json:"owner"`
}

// FailedReload says why a changed configuration is not in use.
type FailedReload struct {
	Time   time.Time `json:"time"`
	Faults []Fault   `json:"faults"`
}

// Fault is one thing that is wrong in a configuration.
type Fault struct {
	Severity string `json:"severity"` // error, warning or note
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"` // 0 = the file as a whole
	Path     string `json:"path,omitempty"` // of the key
	Message  string `json:"message"`
	Text     string `json:"text"` // all of it: FILE:LINE: path: what, and what to do
}

func (s *server) ruleOps() {
	handle(s, op{
		route: "GET /api/v1/rules", role: access.Viewer, noun: "rules",
		summary: "Tell the rules in use, and how the last reload failed",
	}, s.rules)
	handle(s, op{
		route: "GET /api/v1/registries", role: access.Viewer, noun: "registries",
		summary: "List the registries in use",
	}, s.registries)
}

// Behind is in the input of lists that are whole unless less is asked for, since they are of
// what is configured.
type Behind struct {
	Name  string `query:"name" doc:"Only those in whose names this is."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" doc:"How many at most; all where nothing is said."`
	After string `query:"after" doc:"A name: what is listed is what comes behind it. The Link header of a page has that of the next one."`
}

// part is the part of list that b asks for, and the Link header of the next one. The error
// says that there is nothing of the name to begin behind.
func part[T any](ctx context.Context, b Behind, list []T, name func(T) string) (page []T, link string, err error) {
	if b.Name != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(item T) bool { return !strings.Contains(name(item), b.Name) })
	}
	if b.After != "" {
		i := slices.IndexFunc(list, func(item T) bool { return name(item) == b.After })
		if i < 0 {
			return nil, "", wrong("after", "there is no %q in the list any more: begin anew", b.After)
		}
		list = list[i+1:]
	}
	if b.Limit == 0 || len(list) <= b.Limit {
		return list, "", nil
	}
	u := asked(ctx)
	v := u.Query()
	v.Set("after", name(list[b.Limit-1]))
	return list[:b.Limit], fmt.Sprintf("<%s?%s>; rel=\"next\"", u.Path, v.Encode()), nil
}

type runningPage struct {
	Link string `header:"Link" doc:"Where the next page of rules is, with rel=next; absent where there is none."`
	Body Running
}

// rules tells the rules in use.
func (s *server) rules(ctx context.Context, in *struct{ Behind }) (*runningPage, error) {
	out := &runningPage{Body: s.Running()}
	var err error
	out.Body.Rules, out.Link, err = part(ctx, in.Behind, out.Body.Rules, func(r Rule) string { return r.Name })
	return out, err
}

// registries lists those that may post.
func (s *server) registries(ctx context.Context, in *struct{ Behind }) (*page[Registry], error) {
	out := &page[Registry]{}
	var err error
	out.Body, out.Link, err = part(ctx, in.Behind, append([]Registry{}, s.Running().Registries...), func(r Registry) string { return r.Name })
	return out, err
}

// status says which configuration is in use, a line each.
func (r Running) status() string {
	var b strings.Builder
	file := r.File
	if file == "" {
		file = "none"
	}
	fmt.Fprintf(&b, "config: %s, loaded %s\n", file, r.Loaded.Format(time.RFC3339))
	if r.Failed != nil {
		fmt.Fprintf(&b, "not in use, since the file as it was read %s has faults:\n", r.Failed.Time.Format(time.RFC3339))
		for _, f := range r.Failed.Faults {
			fmt.Fprintf(&b, "  %s\n", f.Text)
		}
	}
	for _, n := range r.Notices {
		fmt.Fprintf(&b, "%s\n", n)
	}
	return b.String()
}
