package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ruleForm is a rule as the fields of a form have it. What it has no field for is edited as
// text.
type ruleForm struct {
	Name, Description         string
	Enabled                   bool
	Events                    []string // of those that have a box
	OtherEvents               string   // and the others, a line each
	Registries                []string
	Namespaces, Repositories  string // a line each
	TagBy, Tag, TagExcept     string // TagBy: "" = any, glob, regex or list
	Untagged                  bool
	Kinds                     []string
	ActorsExcept              string
	Severity, Ref, Where      string
	ExpiresIn                 string
	Quiet                     bool
	Deliver                   []string
	Faults                    map[string]string // by the path within the rule
	Wrong                     string            // what is wrong with it as a whole
	Version                   string            // the ETag of what was read; "" = it is a new one
	KnownEvents, KnownKinds   []choice
	KnownTargets, KnownRegist []string
	OtherTargets              []string // to be written, where there are too many for boxes
}

// choice is a box that may be ticked.
type choice struct{ Value, Label string }

// eventChoices are the events that rules are made for most.
func eventChoices() []choice {
	return []choice{
		{"artifact.pushed", "Image or other artifact pushed"},
		{"chart.pushed", "Helm chart pushed"},
		{"artifact.deleted", "Artifact deleted"},
		{"tag.deleted", "Tag deleted"},
		{"artifact.signed", "Signed"},
		{"artifact.attached", "SBOM or attestation attached"},
		{"build.*", "Build queued, started, ended"},
		{"build.failed", "Build failed"},
		{"scan.completed", "Scan completed"},
		{"vulnerability.found", "Vulnerability found"},
		{"replication.*", "Replication"},
		{"quota.*", "Quota warning, exceeded"},
		{"artifact.expiring", "Tag about to expire"},
		{"artifact.pulled", "Pulled (these are many)"},
		{"bellbuoy.*", "bellbuoy's own: a target fails, a registry is silent"},
	}
}

func kindChoices() []choice {
	return []choice{{"image", "image"}, {"index", "index"}, {"chart", "chart"}, {"signature", "signature"}, {"attestation", "attestation"},
		{"sbom", "SBOM"}, {"wasm", "wasm"}, {"model", "model"}, {"other", "other"}, {"unknown", "unknown"}}
}

// More reports whether one of the conditions is set that few rules have.
func (f ruleForm) More() bool {
	return len(f.Kinds) > 0 || f.ActorsExcept != "" || f.Severity != "" || f.Ref != "" || f.Where != "" || f.ExpiresIn != "" || f.Quiet
}

func tagWays() []choice {
	return []choice{{"glob", "pattern: * within a part, {a, b} one of these"}, {"regex", "regular expression, of the whole tag"}, {"list", "exactly these, one a line"}}
}

func severities() []string {
	return []string{"unknown", "negligible", "low", "medium", "high", "critical"}
}

// ruleShape is a rule as the API has it, as far as a form can show it.
type ruleShape struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Enabled     *bool           `json:"enabled,omitempty"`
	Events      []string        `json:"events,omitempty"`
	Scope       *scopeShape     `json:"scope,omitempty"`
	Tag         json.RawMessage `json:"tag,omitempty"`
	Untagged    string          `json:"untagged,omitempty"`
	Kinds       []string        `json:"kinds,omitempty"`
	Actors      json.RawMessage `json:"actors,omitempty"`
	Severity    string          `json:"severity,omitempty"`
	Ref         json.RawMessage `json:"ref,omitempty"`
	ExpiresIn   string          `json:"expires_in,omitempty"`
	Where       string          `json:"where,omitempty"`
	Noise       string          `json:"noise,omitempty"`
	Deliver     []deliverShape  `json:"deliver"`
}

type scopeShape struct {
	Registries   []string `json:"registries,omitempty"`
	Namespaces   []string `json:"namespaces,omitempty"`
	Repositories []string `json:"repositories,omitempty"`
}

// namesShape is a condition on names of a kind that the form has fields for.
type namesShape struct {
	Regex    string      `json:"regex,omitempty"`
	Glob     textOrList  `json:"glob,omitempty"`
	List     textOrList  `json:"list,omitempty"`
	Except   *namesShape `json:"except,omitempty"`
	Untagged string      `json:"untagged,omitempty"`
}

// textOrList is a list of texts, or its only one.
type textOrList []string

// UnmarshalJSON takes a text for a list of one.
func (l *textOrList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = textOrList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// deliverShape is the name of a target, alone or as an object with nothing else in it.
type deliverShape string

// UnmarshalJSON implements [json.Unmarshaler].
func (d *deliverShape) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*string)(d)) == nil {
		return nil
	}
	var o struct {
		Target string `json:"target"`
	}
	if err := strictly(b, &o); err != nil {
		return err
	}
	*d = deliverShape(o.Target)
	return nil
}

// strictly reads JSON, and has no field left over.
func strictly(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// formOf is the form for a rule; ok is false for one that says what no field is for.
func formOf(body json.RawMessage) (f ruleForm, ok bool) {
	var r ruleShape
	if strictly(body, &r) != nil {
		return f, false
	}
	f = ruleForm{Name: r.Name, Description: r.Description, Enabled: r.Enabled == nil || *r.Enabled,
		Severity: r.Severity, ExpiresIn: r.ExpiresIn, Where: r.Where, Quiet: r.Noise == "quiet", Kinds: r.Kinds}
	boxes := eventChoices()
	var others []string
	for _, e := range r.Events {
		if slices.ContainsFunc(boxes, func(c choice) bool { return c.Value == e }) {
			f.Events = append(f.Events, e)
		} else {
			others = append(others, e)
		}
	}
	f.OtherEvents = strings.Join(others, "\n")
	if s := r.Scope; s != nil {
		f.Registries, f.Namespaces, f.Repositories = s.Registries, strings.Join(s.Namespaces, "\n"), strings.Join(s.Repositories, "\n")
	}
	for _, d := range r.Deliver {
		f.Deliver = append(f.Deliver, string(d))
	}
	tag, ok1 := namesOf(r.Tag)
	actors, ok2 := namesOf(r.Actors)
	ref, ok3 := namesOf(r.Ref)
	f.Untagged = r.Untagged == "match" || tag.Untagged == "match"
	f.TagBy, f.Tag = tag.by()
	if tag.Except != nil {
		var how string
		how, f.TagExcept = tag.Except.by()
		ok1 = ok1 && how != "regex" && tag.Except.Except == nil
	}
	how, who := actors.by()
	ok2 = ok2 && how == "" && who == ""
	if actors.Except != nil {
		how, f.ActorsExcept = actors.Except.by()
		ok2 = ok2 && how == "glob" && actors.Except.Except == nil
	}
	how, f.Ref = ref.by()
	ok3 = ok3 && (how == "" || how == "glob") && ref.Except == nil
	return f, ok1 && ok2 && ok3 && (r.Noise == "" || f.Quiet)
}

// namesOf reads a condition on names: an object, a glob, or a list of them.
func namesOf(raw json.RawMessage) (n namesShape, ok bool) {
	if len(raw) == 0 {
		return n, true
	}
	if raw[0] != '{' {
		return n, json.Unmarshal(raw, &n.Glob) == nil
	}
	return n, strictly(raw, &n) == nil
}

// by is how names are chosen, and what by, a line each.
func (n namesShape) by() (how, what string) {
	switch {
	case n.Regex != "":
		return "regex", n.Regex
	case len(n.List) > 0:
		return "list", strings.Join(n.List, "\n")
	case len(n.Glob) > 0:
		return "glob", strings.Join(n.Glob, "\n")
	}
	return "", ""
}

// readRule is the form as it was sent.
func readRule(v url.Values) ruleForm {
	return ruleForm{
		Name: strings.TrimSpace(v.Get("name")), Description: strings.TrimSpace(v.Get("description")), Enabled: v.Get("enabled") != "",
		Events: v["events"], OtherEvents: v.Get("other_events"), Registries: v["registries"],
		Namespaces: v.Get("namespaces"), Repositories: v.Get("repositories"),
		TagBy: v.Get("tag_by"), Tag: v.Get("tag"), TagExcept: v.Get("tag_except"), Untagged: v.Get("untagged") != "",
		Kinds: v["kinds"], ActorsExcept: v.Get("actors_except"), Severity: v.Get("severity"), Ref: strings.TrimSpace(v.Get("ref")),
		Where: strings.TrimSpace(v.Get("where")), ExpiresIn: strings.TrimSpace(v.Get("expires_in")), Quiet: v.Get("quiet") != "",
		Deliver: slices.DeleteFunc(append(slices.Clone(v["deliver"]), strings.TrimSpace(v.Get("other_target"))), func(s string) bool { return s == "" }),
		Version: v.Get("version"),
	}
}

// body is the rule as the API has it.
func (f ruleForm) body() json.RawMessage {
	r := ruleShape{
		Name: f.Name, Description: f.Description, Enabled: &f.Enabled, Events: append(slices.Clone(f.Events), linesOf(f.OtherEvents)...),
		Kinds: f.Kinds, Severity: f.Severity, ExpiresIn: f.ExpiresIn, Where: f.Where, Deliver: []deliverShape{},
	}
	if f.Quiet {
		r.Noise = "quiet"
	}
	s := scopeShape{f.Registries, linesOf(f.Namespaces), linesOf(f.Repositories)}
	if len(s.Registries)+len(s.Namespaces)+len(s.Repositories) > 0 {
		r.Scope = &s
	}
	tag := namesShape{}
	switch f.TagBy {
	case "regex":
		tag.Regex = strings.TrimSpace(f.Tag)
	case "list":
		tag.List = linesOf(f.Tag)
	case "glob":
		tag.Glob = linesOf(f.Tag)
	}
	if except := linesOf(f.TagExcept); len(except) > 0 {
		tag.Except = &namesShape{Glob: except}
	}
	if how, what := tag.by(); how != "" && what != "" || tag.Except != nil {
		if f.Untagged {
			tag.Untagged = "match"
		}
		r.Tag = encode(tag)
	}
	if except := linesOf(f.ActorsExcept); len(except) > 0 {
		r.Actors = encode(namesShape{Except: &namesShape{Glob: except}})
	}
	if f.Ref != "" {
		r.Ref = encode(namesShape{Glob: linesOf(f.Ref)})
	}
	for _, d := range f.Deliver {
		r.Deliver = append(r.Deliver, deliverShape(d))
	}
	return encode(r)
}

// encode is v as JSON. It is of types of this file, which all can be.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b
}

// linesOf are the lines of text that say something.
func linesOf(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
