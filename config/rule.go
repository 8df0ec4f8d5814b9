package config

// Rule decides which events go to which targets: those that meet all its conditions.
//
// Its JSON is what package rules keeps of it, so that old verdicts can be computed
// again: a key that is not set must be absent from it, and a key's meaning must not
// change.
type Rule struct {
	// Name is what verdicts call the rule.
	Name string `yaml:"name" json:"name" jsonschema:"required,example=all-pushes"`
	// Description is for people.
	Description string `yaml:"description" json:"description,omitempty" jsonschema:"example=releases of what runs in production"`
	// Enabled is false for a rule that is to match nothing for now.
	Enabled bool `yaml:"enabled" json:"enabled"`
	// Events are types, with "*" for any letters, and where a type has a status, perhaps
	// "=STATUS" behind it. Left out, or "*": all but pulls, inspections, blobs, unknown
	// and bellbuoy.*, which must be named.
	Events []string `yaml:"events" json:"events,omitempty" jsonschema:"example=[artifact.pushed, build.*, scan.completed=failed]"`
	// Scope narrows the rule to some registries and repositories.
	Scope Scope `yaml:"scope" json:"scope,omitzero"`
	// Tag is a condition on tags: one of the event's must meet it. A bare pattern or a list
	// of them are globs. With it, what has no tag is skipped unless untagged is match;
	// without it, every tag will do, and none too.
	Tag *Tag `yaml:"tag" json:"tag,omitempty" jsonschema:"example={regex: release-v.*}"`
	// Untagged says whether artifacts without a tag are taken too, as in tag.
	//
	// [Load] moves it there.
	Untagged string `yaml:"untagged" json:"-"`
	// Kinds are those of artifacts that are taken. An event about no artifact has none.
	Kinds []string `yaml:"kinds" json:"kinds,omitempty" jsonschema:"example=[image, chart]"`
	// Actors is a condition on the name of who did it. A bare pattern or a list of them are
	// globs.
	Actors *Names `yaml:"actors" json:"actors,omitempty" jsonschema:"example={except: ['robot$*']}"`
	// Severity is the least that is taken of what a scan found.
	Severity string `yaml:"severity" json:"severity,omitempty"`
	// Ref is a condition on the Git ref that was built. A bare pattern or a list of them
	// are globs.
	Ref *Names `yaml:"ref" json:"ref,omitempty" jsonschema:"example={regex: refs/heads/main}"`
	// ExpiresIn is how long before its end an artifact's expiry is told.
	ExpiresIn Duration `yaml:"expires_in" json:"expires_in,omitempty" jsonschema:"example=7d"`
	// Where is an expression in the language of expr-lang; an event for which it is
	// false, or cannot be computed, is not taken.
	Where string `yaml:"where" json:"where,omitempty" jsonschema:"example=event.artifact.size > 1e9"`
	// Noise is "quiet" to leave bookkeeping out: tags that tools make for their own use,
	// pulls by scanners and by replication.
	Noise string `yaml:"noise" json:"noise,omitempty"`
	// Deliver are the targets, each by its name, or with how the message for it is made.
	Deliver []Deliver `yaml:"deliver" json:"deliver" jsonschema:"required,example=[ci]"`
	Pos     Pos       `yaml:"-" json:"-"`
}

// Scope narrows a rule to some registries and repositories. Empty lists do not narrow.
type Scope struct {
	// Registries are the names of those that are heard; left out, all.
	Registries []string `yaml:"registries" json:"registries,omitempty" jsonschema:"example=[hub]"`
	// Namespaces are globs for what stands before the first slash of a repository's name;
	// left out, all.
	Namespaces []string `yaml:"namespaces" json:"namespaces,omitempty" jsonschema:"example=[prod]"`
	// Repositories are globs for the whole name or, where namespaces are given, for the
	// name within them. "*" stays within a segment, "**" is any number of segments, "?" one
	// letter, "{a, b}" one of several. A "!" in front excludes, wherever it stands in the
	// list.
	Repositories []string `yaml:"repositories" json:"repositories,omitempty" jsonschema:"example=['prod/{api, web}/**', '!**/tmp']"`
}

// IsZero reports whether s narrows nothing.
func (s Scope) IsZero() bool {
	return len(s.Registries) == 0 && len(s.Namespaces) == 0 && len(s.Repositories) == 0
}

// Names is a condition on a name: of regex, glob and list at most one is set, and with
// none every name is taken that except does not take out. A bare pattern or a list of
// them are globs.
type Names struct {
	// Regex is RE2 and matches the whole name.
	Regex string `yaml:"regex" json:"regex,omitempty" jsonschema:"example=release-v.*"`
	// Glob is a pattern, or a list of them: "*" stays within a segment, "**" is any number
	// of segments, "?" one letter, "{a, b}" one of several.
	Glob Strings `yaml:"glob" json:"glob,omitempty" jsonschema:"example=1.*"`
	// List has the names that are taken, exactly these.
	List Strings `yaml:"list" json:"list,omitempty" jsonschema:"example=[latest, stable]"`
	// Except is a condition on names that are not taken.
	Except *Names `yaml:"except" json:"except,omitempty" jsonschema:"example=['*-rc*']"`
}

// Tag is a condition on an event's tags: it holds if it holds for any of them. A bare
// pattern or a list of them are globs.
type Tag struct {
	Names `yaml:",inline"`
	// Untagged says whether artifacts without a tag are taken too: skip or match.
	Untagged string `yaml:"untagged" json:"untagged,omitempty"`
}

// Strings is a list of strings, or in the file a single one.
type Strings []string

// JSON is a JSON value as text. In the file it may be written as YAML.
type JSON string

// Deliver names a target, and how the message for it is made; it may be the target's
// bare name.
//
// Two are equal if they mean the same.
type Deliver struct {
	// Target is the name of a target.
	Target  string    `yaml:"target" json:"target" jsonschema:"required,example=ci"`
	Message Rendering `yaml:",inline" json:"message,omitzero"` // what is not set is as the target says
}

// Rendering is how an event becomes a message.
type Rendering struct {
	// Format is the form of the message: bellbuoy is the event itself. What a rule says
	// here goes before what its target says.
	Format string `yaml:"format" json:"format,omitempty"`
	// Template is a message of one's own.
	Template Template `yaml:"template" json:"template,omitzero"`
	// Title is a template of Go's text/template, for targets whose messages have a title.
	Title string `yaml:"title" json:"title,omitempty" jsonschema:"example={{.repository.full_name}}"`
}

// Template is a user's own message; at most one of its fields is set.
type Template struct {
	// JSON is a message whose texts may hold ${jsonpath} into the event, written as YAML or
	// as a text that holds JSON.
	JSON JSON `yaml:"json" json:"json,omitempty" jsonschema:"example={text: 'pushed ${repository.full_name}'}"`
	// Text is a template of Go's text/template over the event.
	Text string `yaml:"text" json:"text,omitempty" jsonschema:"example=pushed {{.repository.full_name}}"`
}
