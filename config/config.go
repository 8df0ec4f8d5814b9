// Package config reads bellbuoy's configuration and finds all that is wrong with
// it at once. It knows no other part of the program: which registry types exist is
// told to it, and a target's options stay opaque JSON, checked by their sender.
package config

import (
	"encoding/json"
	"time"
)

// Config is a whole configuration, defaults filled in.
type Config struct {
	Listen     string     `yaml:"listen"` // of the intake; 127.0.0.1:5080
	Admin      Admin      `yaml:"admin"`
	Store      string     `yaml:"store"` // path of the SQLite file; ./bellbuoy.db
	Keep       []string   `yaml:"keep"`  // event types that are stored though they are many: [event.Type.OnRequest]
	Registries []Registry `yaml:"registries"`
	Targets    []Target   `yaml:"targets"`
	Rules      []Rule     `yaml:"rules"`
}

// Admin is where people and scripts ask.
type Admin struct {
	Listen string `yaml:"listen"` // 127.0.0.1:5081
}

// Registry is one registry that may post to /in/{name}.
type Registry struct {
	Name string   `yaml:"name"`
	Type string   `yaml:"type"`
	Auth AuthList `yaml:"auth"` // any one suffices; may be empty where the intake listens on loopback
	Pos  Pos      `yaml:"-"`
}

// AuthList is a list of credentials, or in the file a single one.
type AuthList []Auth

// Auth is one credential that a registry may show: exactly one field is set.
type Auth struct {
	Bearer *Secret `yaml:"bearer"`
}

// Target is one receiver of events.
type Target struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"`
	// Options belong to the target type. Secrets written as {env: X} or {file: P}
	// are resolved: here they stand in clear, so Options must never be shown.
	Options json.RawMessage `yaml:"options"`
	Order   string          `yaml:"order"`   // "repository", "none" or "": the type's default
	Hold    Duration        `yaml:"hold"`    // how long a retrying event holds back later ones of its repository; 0 = for ever; 5m
	Timeout Duration        `yaml:"timeout"` // of one attempt, 1s to 60s; 15s
	// Concurrency is how many sends to this target run at a time; 0 = the type's default.
	Concurrency int   `yaml:"concurrency"`
	Retry       Retry `yaml:"retry"`
	Pos         Pos   `yaml:"-"`
}

// Retry says when attempts are made.
type Retry struct {
	Schedule    []Duration `yaml:"schedule"`      // delays before attempts 1 to n, the last repeating
	GiveUpAfter Duration   `yaml:"give_up_after"` // 72h
}

// Rule decides which events go to which targets.
type Rule struct {
	Name        string    `yaml:"name"`
	Description string    `yaml:"description"`
	Enabled     bool      `yaml:"enabled"` // true
	Events      []string  `yaml:"events"`  // type, wildcard, type=status; empty = the default set
	Scope       Scope     `yaml:"scope"`
	Tag         *Tag      `yaml:"tag"`
	Deliver     []Deliver `yaml:"deliver"`
	Pos         Pos       `yaml:"-"`
}

// Scope narrows a rule to some registries and repositories. Empty lists do not narrow.
type Scope struct {
	Registries   []string `yaml:"registries"`
	Namespaces   []string `yaml:"namespaces"`
	Repositories []string `yaml:"repositories"`
}

// Tag is a condition on an event's tags.
type Tag struct {
	Regex string `yaml:"regex"` // RE2, matches the whole tag
}

// Deliver names a target; in the file it may be the bare name.
type Deliver struct {
	Target string `yaml:"target"`
}

// Duration is a time.Duration written with its unit, as "5s", "72h" or "3d".
type Duration time.Duration

// Pos is a place in a file.
type Pos struct {
	File string
	Line int
}
