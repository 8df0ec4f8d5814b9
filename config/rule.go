package config

// Rule decides which events go to which targets. Its JSON is what package rules
// keeps of it, so that old verdicts can be computed again: a key that is not set
// must be absent from it, and a key's meaning must not change.
type Rule struct {
	Name        string   `yaml:"name" json:"name" jsonschema:"required,example=all-pushes"`
	Description string   `yaml:"description" json:"description,omitempty"`
	Enabled     bool     `yaml:"enabled" json:"enabled"`         // true
	Events      []string `yaml:"events" json:"events,omitempty"` // type, wildcard, type=status; empty = the default set
	Scope       Scope    `yaml:"scope" json:"scope,omitzero"`
	Tag         *Tag     `yaml:"tag" json:"tag,omitempty"`
	// Untagged is another place for that of Tag, where [Load] moves it.
	Untagged string `yaml:"untagged" json:"-"`
	// Kinds are those of artifacts that are taken. An event about no artifact has none.
	Kinds  []string `yaml:"kinds" json:"kinds,omitempty"`
	Actors *Names   `yaml:"actors" json:"actors,omitempty"` // who did it
	// Severity is the least that is taken of what a scan found.
	Severity string `yaml:"severity" json:"severity,omitempty"`
	Ref      *Names `yaml:"ref" json:"ref,omitempty"` // of the source that was built
	// ExpiresIn is how long before its end an artifact's expiry is told.
	ExpiresIn Duration `yaml:"expires_in" json:"expires_in,omitempty"`
	// Where is an expression in the language of expr-lang; an event for which it is
	// false, or cannot be computed, is not taken.
	Where   string    `yaml:"where" json:"where,omitempty"`
	Noise   string    `yaml:"noise" json:"noise,omitempty"` // "quiet" leaves bookkeeping out; "all" and ""
	Deliver []Deliver `yaml:"deliver" json:"deliver" jsonschema:"required,example=[ci]"`
	Pos     Pos       `yaml:"-" json:"-"`
}

// Scope narrows a rule to some registries and repositories. Empty lists do not narrow.
type Scope struct {
	Registries   []string `yaml:"registries" json:"registries,omitempty"`
	Namespaces   []string `yaml:"namespaces" json:"namespaces,omitempty"`
	Repositories []string `yaml:"repositories" json:"repositories,omitempty"`
}

// IsZero reports whether s narrows nothing.
func (s Scope) IsZero() bool {
	return len(s.Registries) == 0 && len(s.Namespaces) == 0 && len(s.Repositories) == 0
}

// Names is a condition on a name: of Regex, Glob and List at most one is set, and with
// none every name is taken that Except does not take out. In the file it may be a bare
// pattern or a list of them, which are globs.
type Names struct {
	// Regex is RE2 and matches the whole name.
	Regex  string  `yaml:"regex" json:"regex,omitempty"`
	Glob   Strings `yaml:"glob" json:"glob,omitempty"`
	List   Strings `yaml:"list" json:"list,omitempty"` // exactly these
	Except *Names  `yaml:"except" json:"except,omitempty"`
}

// Tag is a condition on an event's tags: it holds if it holds for any of them.
type Tag struct {
	Names `yaml:",inline"`
	// Untagged says whether artifacts without a tag are taken too: "skip" (and "") or
	// "match".
	Untagged string `yaml:"untagged" json:"untagged,omitempty"`
}

// Strings is a list of strings, or in the file a single one.
type Strings []string

// JSON is a JSON value as text. In the file it may be written as YAML.
type JSON string

// Deliver names a target and how the message for it is made; in the file it may be the
// target's bare name. Two are equal if they mean the same.
type Deliver struct {
	Target  string    `yaml:"target" json:"target" jsonschema:"required,example=ci"`
	Message Rendering `yaml:",inline" json:"message,omitzero"` // what is not set is as the target says
}

// Rendering is how an event becomes a message.
type Rendering struct {
	Format   string   `yaml:"format" json:"format,omitempty"` // "" = bellbuoy, the event itself
	Template Template `yaml:"template" json:"template,omitzero"`
	Title    string   `yaml:"title" json:"title,omitempty"` // a template of text/template, for targets whose messages have one
}

// Template is a user's own message; at most one of its fields is set.
type Template struct {
	JSON JSON `yaml:"json" json:"json,omitempty"` // its strings may hold ${jsonpath}
	// Text is a template of Go's text/template.
	Text string `yaml:"text" json:"text,omitempty"`
}
