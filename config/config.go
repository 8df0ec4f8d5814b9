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
type Config struct {
	Listen     string     `yaml:"listen"` // of the intake; 127.0.0.1:5080
	TLS        *TLS       `yaml:"tls"`    // of the intake; nil = plain HTTP
	Admin      Admin      `yaml:"admin"`
	Store      string     `yaml:"store"` // path of the SQLite file, relative to the working directory; ./bellbuoy.db
	Keep       []string   `yaml:"keep"`  // event types that are stored though they are many: [event.Type.OnRequest]
	Registries []Registry `yaml:"registries"`
	Targets    []Target   `yaml:"targets"`
	Rules      []Rule     `yaml:"rules"`

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

// Admin is where people and scripts ask.
type Admin struct {
	Listen string `yaml:"listen"` // 127.0.0.1:5081
}

// Registry is one registry that may post to /in/{name}.
type Registry struct {
	Name string   `yaml:"name" jsonschema:"required,example=hub"`
	Type string   `yaml:"type" jsonschema:"required,example=distribution"`
	Auth AuthList `yaml:"auth"` // any one suffices; may be empty where the intake listens on loopback
	URL  string   `yaml:"url"`  // where the registry itself is: http(s)://HOST[:PORT]
	// Lookup asks the registry for what its notifications leave out.
	Lookup      bool         `yaml:"lookup"`
	Credentials *Credentials `yaml:"credentials"` // that the registry is asked with; nil asks as nobody
	// All: every one of Auth must come. The registry's own configuration, from which
	// they were read, has it send all of them.
	All bool `yaml:"-"`
	Pos Pos  `yaml:"-"`
}

// Credentials are what bellbuoy shows a registry.
type Credentials struct {
	Username string  `yaml:"username" jsonschema:"required,example=bellbuoy"`
	Password *Secret `yaml:"password" jsonschema:"required,example={file: /run/secrets/hub-reader}"`
}

// Target is one receiver of events. Printed or encoded as JSON, it shows its name
// and type and no option.
type Target struct {
	Name string `yaml:"name" jsonschema:"required,example=ci"`
	Type string `yaml:"type" jsonschema:"required,example=webhook"`
	// Options belong to the target type. Secrets written as {env: X} or {file: P}
	// are resolved: here they stand in clear, so Options must never be shown.
	// They are a JSON object, {} where the file has none, and nil where a fault was
	// found in them: then there is nothing for the sender to check.
	Options json.RawMessage `yaml:"options"`
	// SecretPaths names the options that were written as {env: X} or {file: P},
	// whatever the target type says of them: "headers.X-Token", "secrets.0".
	SecretPaths []string  `yaml:"-"`
	Message     Rendering `yaml:",inline"` // how messages are made, but where a rule says otherwise
	Order       string    `yaml:"order"`   // "repository", "none" or "": the type's default
	Hold        Duration  `yaml:"hold"`    // how long a retrying event holds back later ones of its repository; 0 = for ever; 5m
	Timeout     Duration  `yaml:"timeout"` // of one attempt, 1s to 60s; 15s
	// Concurrency is how many sends to this target run at a time; 0 = the type's default.
	Concurrency int   `yaml:"concurrency"`
	Retry       Retry `yaml:"retry"`
	Pos         Pos   `yaml:"-"`
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

// Retry says when attempts are made.
type Retry struct {
	Schedule    []Duration `yaml:"schedule"`      // delays before attempts 1 to n, the last repeating
	GiveUpAfter Duration   `yaml:"give_up_after"` // 72h
}
