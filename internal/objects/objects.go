// Package objects says what people make through the API: registries, targets and rules
// beside those of the configuration's files, and what can keep a change from being made.
//
// Each name has one owner. What a file defines is changed there, and goes before what the
// API has made under the same name, which is kept and not used. What is in a file refers
// to nothing that was made here, so that a file can be checked by itself.
package objects

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what an object is.
type Kind string

// The kinds of object.
const (
	Registry Kind = "registry"
	Target   Kind = "target"
	Rule     Kind = "rule"
)

// Object is one registry, target or rule that was made through the API.
type Object struct {
	Kind Kind
	Name string
	// Body is the object as JSON, with the keys that it has in the configuration file. Its
	// secrets are masked: see [Change].
	Body json.RawMessage
	// Note is what its maker keeps with it, and nobody else reads; nil where there is
	// nothing. It holds no secret.
	Note json.RawMessage
	// Version is 1 for what was just made, and one more with each change.
	Version          int64
	Created, Changed time.Time
	By               string // who changed it last
	// Inactive says why it is not in use, and what to do; "" where it is in use.
	Inactive string
	// Owner is FILE:LINE of what a file defines under its name, where that is why.
	Owner string
}

// Change makes an object, puts another body in the place of its own, or deletes it.
type Change struct {
	Kind Kind
	Name string
	// Body is what the object is to be, with its secrets in clear; nil deletes it. A secret
	// that is written as the mask under which it is shown stays what it is.
	Body json.RawMessage
	Note json.RawMessage // replaces the one that there is, unless nil
	// Version is the one that the object must have; 0 = there must be none of that name.
	// [Any] takes whichever there is, and makes it where there is none.
	Version int64
}

// Any is the [Change.Version] that asks for none.
const Any = -1

// Errors that keep a change from being made. None of the changes of a call was made then.
var (
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("there is no such object")
	// ErrExists: one of that name was made before.
	ErrExists = errors.New("there is one of that name already")
	// ErrVersion: somebody has changed it meanwhile.
	ErrVersion = errors.New("it was changed meanwhile")
)

// OwnedError says that a file defines what was to be changed.
type OwnedError struct {
	Kind  Kind
	Name  string
	Owner string // FILE:LINE; "" = what bellbuoy has without a configuration
}

func (e *OwnedError) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("%s %q is what bellbuoy has without a configuration: take another name, or write a configuration", e.Kind, e.Name)
	}
	return fmt.Sprintf("%s %q is defined in %s: change it there, or take another name", e.Kind, e.Name, e.Owner)
}

// InUseError says that others refer to what was to be deleted or changed, and would not
// be used any more.
type InUseError struct {
	Kind Kind
	Name string
	By   []string // of what refers to it: "rule releases: ..."
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("%s %q cannot be changed so, since others go by it: %s", e.Kind, e.Name, strings.Join(e.By, "; "))
}

// Fault is one thing that is wrong with what an object was to be.
type Fault struct {
	Path    string `json:"path"` // within the object: "options.url", "tag.regex"; "" = all of it
	Message string `json:"message"`
}

// InvalidError says all that is wrong with what an object was to be.
type InvalidError struct {
	Kind   Kind
	Name   string
	Faults []Fault
}

func (e *InvalidError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q cannot be used", e.Kind, e.Name)
	for i, f := range e.Faults {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		if f.Path != "" {
			b.WriteString(f.Path + " ")
		}
		b.WriteString(f.Message)
	}
	return b.String()
}
