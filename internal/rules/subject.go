package rules

import (
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/expr-lang/expr/vm"
)

// subject is an event as rules look at it.
type subject struct {
	event     *event.Event
	namespace string
	full      string // name of the repository, empty where the event is about none
	relative  string // its part behind the namespace
	tags      []string

	env     map[string]any // see environment
	machine vm.VM          // that computes expressions, one after the other
	// computed is what the last one was: whether it holds is asked first, and why not
	// right after.
	computed struct {
		of    *where
		holds bool
		err   error
	}
}

func subjectOf(e *event.Event) *subject {
	s := &subject{event: e, machine: vm.VM{MemoryBudget: maxWhereMemory}}
	if r := e.Repository; r != nil {
		s.full = strings.TrimPrefix(r.FullName, "/")
		if namespace, name, ok := strings.Cut(s.full, "/"); ok {
			s.namespace, s.relative = namespace, name
		} else {
			s.namespace, s.relative = r.Namespace, s.full
		}
	}
	if e.Artifact != nil {
		s.tags = e.Artifact.Tags
	}
	return s
}

// environment returns what expressions know. It is made for the first that asks, and
// kept for the others.
func (s *subject) environment() map[string]any {
	if s.env == nil {
		s.env = map[string]any{"event": viewOf(s.event)}
	}
	return s.env
}
