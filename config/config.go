// Package config reads bellbuoy's configuration and finds all that is wrong with
// it at once. It knows no other part of the program: which registry types exist is
// told to it, a target's options stay opaque JSON, checked by their sender, and
// the patterns of a rule are checked by who compiles them. What those find is put
// on its line with [Config.Locate].
package config

import (
	"encoding/json"
	"fmt"
)

// Config is a whole configuration, defaults filled in.
//
// The first paragraph at each field and type of this package that is written in the file
// is what people read of it in their editors: see [Schema].
type Config struct {
	// Listen is HOST:PORT, where registries post. Where other machines can connect to it,
	// every registry needs auth.
	Listen string `yaml:"listen"`
	// TLS has registries post to https://, with TLS 1.2 or later. Without it they post
	// to http://.
	TLS *TLS `yaml:"tls"`
	// Admin is where people and the bellbuoy command ask.
	Admin Admin `yaml:"admin"`
	// Metrics says who may read /metrics: "open" is anybody who can connect to admin,
	// "token" is who may use the rest of it.
	Metrics string `yaml:"metrics"`
	// Store is the file that holds all that came and what became of it. Its path is
	// relative to the folder where bellbuoy is started. Or it is a PostgreSQL database,
	// postgres://USER@HOST/DATABASE, which any number of bellbuoys may share.
	Store string `yaml:"store" jsonschema:"example=/var/lib/bellbuoy/bellbuoy.db"`
	// Secrets says how the secrets are sealed of what people make through the API.
	Secrets Secrets `yaml:"secrets"`
	// Retention is how long and how much is kept.
	Retention Retention `yaml:"retention"`
	// Keep names types of events that are stored though they are many. Pulls, inspections
	// and blobs are only counted unless a rule or this list names them.
	Keep []string `yaml:"keep" jsonschema:"example=[artifact.pulled]"`
	// Egress says where targets may be that people make through the API.
	Egress Egress `yaml:"egress"`
	// Mail is the mail server of targets that people make through the API and that name none,
	// as those made by Quay's API do not, and where they verify their addresses.
	Mail *Mail `yaml:"mail" jsonschema:"example={host: smtp.example.com, from: bellbuoy@example.com}"`
	// Plugins are senders that do not come with bellbuoy.
	Plugins Plugins `yaml:"plugins"`
	// People says who is in which team and organization, and so whose inboxes each reads.
	People People `yaml:"people"`
	// Registries are those that may post, each to /in/NAME.
	Registries []Registry `yaml:"registries"`
	// Targets are the receivers of events.
	Targets []Target `yaml:"targets"`
	// Rules say which events go to which targets. An event that no rule matches is stored
	// and delivered to nobody.
	Rules []Rule `yaml:"rules"`

	// Endpoint is how a registry's own configuration says that it posts to bellbuoy,
	// nil where none was read; see [LoadBeside].
	Endpoint *Endpoint `yaml:"-"`

	reads []Read // what it was read from; see Reads

	// file and lines say where each path stands, as dotted writes it; see Locate.
	file  string
	lines map[string]int
	// written has what stands elsewhere, by the beginning of its dotted path.
	written map[string]place
}

// Registry is one registry that may post to /in/{name}.
type Registry struct {
	// Name is the last part of the URL that the registry posts to, /in/NAME, and what
	// rules call it.
	Name string `yaml:"name" jsonschema:"required,example=hub"`
	// Type says how to read what the registry posts.
	Type string `yaml:"type" jsonschema:"required,example=distribution"`
	// Auth is what the registry must show: one credential, or a list of which any one
	// suffices. It may be left out where only this machine can connect.
	Auth AuthList `yaml:"auth" jsonschema:"example={bearer: {file: /run/secrets/hub}}"`
	// URL is where the registry itself is: http:// or https://, a host, perhaps a port.
	URL string `yaml:"url" jsonschema:"example=http://registry:5000"`
	// Lookup asks the registry for what its notifications leave out, such as whether a
	// digest is an image or a chart. It needs [Registry.URL]. An event waits for that, at
	// most 2s.
	Lookup bool `yaml:"lookup"`
	// Credentials are what the registry is asked with; without them, it is asked as nobody.
	Credentials *Credentials `yaml:"credentials" jsonschema:"example={username: bellbuoy, password: {file: /run/secrets/hub-reader}}"`
	// All: every one of Auth must come. The registry's own configuration, from which
	// they were read, has it send all of them.
	All bool `yaml:"-"`
	Pos Pos  `yaml:"-"`
}

// Credentials are what bellbuoy shows a registry.
type Credentials struct {
	// Username is that of an account that may pull.
	Username string `yaml:"username" jsonschema:"required,example=bellbuoy"`
	// Password is the account's password or token.
	Password *Secret `yaml:"password" jsonschema:"required,example={file: /run/secrets/hub-reader}"`
}

// Target is one receiver of events.
//
// Printed or encoded as JSON, it shows its name and type and no option.
type Target struct {
	// Name is what rules call the target.
	Name string `yaml:"name" jsonschema:"required,example=ci"`
	// Type says what the target is, and so which options it has.
	Type string `yaml:"type" jsonschema:"required,example=webhook"`
	// Options are those of the target's type. Any text in them may be written as
	// {env: NAME} or {file: PATH} instead, and secrets should be.
	//
	// Here these are resolved: secrets stand in clear, so Options must never be shown.
	// They are a JSON object, {} where the file has none, and nil where a fault was
	// found in them: then there is nothing for the sender to check.
	Options json.RawMessage `yaml:"options" jsonschema:"example={url: 'https://ci.example.com/hook'}"`
	// SecretPaths names the options that were written as {env: X} or {file: P},
	// whatever the target type says of them: "headers.X-Token", "secrets.0".
	SecretPaths []string  `yaml:"-"`
	Message     Rendering `yaml:",inline"` // how messages are made, but where a rule says otherwise
	// Order is "repository" where the events of a repository are sent one after the other
	// in the order in which they came, "none" where they need not be. Left out, it is what
	// suits the target's type.
	Order string `yaml:"order" jsonschema:"example=repository"`
	// Hold is how long an event that is tried again holds back later ones of its
	// repository; 0 is until it is delivered or given up. At most 30d.
	Hold Duration `yaml:"hold"`
	// Timeout is how long one attempt may take, 1s to 60s.
	Timeout Duration `yaml:"timeout"`
	// Concurrency is how many attempts run at a time; 0 is what suits the target's type.
	Concurrency int `yaml:"concurrency" jsonschema:"example=4"`
	// Retry says when attempts are made, and when no more.
	Retry Retry `yaml:"retry"`
	// Rate is how many sends there may be in any window of time, such as 20/1m; 0 is any
	// number. Left out, it is what suits the target's type.
	Rate *Rate `yaml:"rate" jsonschema:"example=20/1m"`
	// Digest has many waiting events become one message. Left out, it is what suits the
	// target's type.
	Digest *Digest `yaml:"digest"`
	// ParkFor is how long an event for a disabled target is kept, 1m or more; then it
	// expires.
	ParkFor Duration `yaml:"park_for"`
	// DisableAfter is how many events in a row may be given up before the target is
	// disabled, and what comes is kept until it is reset; 0 is never.
	DisableAfter int `yaml:"disable_after" jsonschema:"example=3"`
	// Mode is "live", or "shadow": requests are made and kept to be looked at, and not sent.
	Mode string `yaml:"mode"`
	Pos  Pos    `yaml:"-"`
}

// Format prints the target's name and type, whatever the verb.
func (t Target) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "target %s (%s)", t.Name, t.Type) }

// MarshalJSON shows the target's name and type.
func (t Target) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}{t.Name, t.Type})
}

// Rate is a number of sends in any window of time, written "20/1m". "0" is no limit.
type Rate struct {
	Sends int // 0 = no limit
	Per   Duration
}

// Digest says when many waiting events become one message.
type Digest struct {
	// After is how many may wait each for itself; 0 is any number.
	After int `yaml:"after" jsonschema:"required,example=10"`
}

// Retention is how long and how much is kept. What is not delivered yet is always kept.
type Retention struct {
	// Age is how long an event is kept, 1m or more.
	Age Duration `yaml:"age"`
	// Size is how large the store may become, 64MiB or more. The oldest go first.
	Size Size `yaml:"size"`
}

// Retry says when attempts are made.
type Retry struct {
	// Schedule has the delays before the first attempt, the second, and so on; the last
	// one repeats. Each is at most 24h, and the last at least 10ms.
	Schedule []Duration `yaml:"schedule"`
	// GiveUpAfter is how long an event is tried, 1s to 30d; then it is dead.
	GiveUpAfter Duration `yaml:"give_up_after"`
}
