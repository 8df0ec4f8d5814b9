package options

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Targets reads the options of a sender's targets, those of a busy one once. Many goroutines
// may use it at the same time.
type Targets[T any] struct {
	table Table[T]
	open  func(t *T, e plugin.Egress) []plugin.Fault
	// What is opened depends on whether the target is restricted, hence two.
	free, restricted *Cache[T]
}

// NewTargets reads by table. Open, which may be nil, takes up what the options name, as far
// as e allows, and finds fault with it; it is asked where the options themselves are good,
// warnings or not.
func NewTargets[T any](table Table[T], open func(t *T, e plugin.Egress) []plugin.Fault) *Targets[T] {
	return &Targets[T]{table, open, NewCache[T](), NewCache[T]()}
}

// Describe is the description of a sender that has such targets.
func (s *Targets[T]) Describe(typ, version string, defaults plugin.Defaults) plugin.Description {
	all := s.table.sheet(new(T))
	return plugin.Description{Type: typ, Version: version, Options: all.schema(), Secrets: all.secrets(), Defaults: defaults}
}

// Check finds fault with c's options, where it has any, and returns the target that they
// make, nil where they make none.
func (s *Targets[T]) Check(c plugin.Check) (*T, []plugin.Fault) {
	if c.Options == nil {
		return nil, nil
	}
	return s.read(c.Options, c.Egress)
}

// Of is the target of d. The scope is that of the error, which is not final: the options may
// be put right.
func (s *Targets[T]) Of(d plugin.Delivery) (*T, plugin.Scope, error) {
	// Where nothing is opened e makes no difference but to addresses, which are judged again
	// when they are dialled.
	known, e := s.free, plugin.Egress{}
	if s.open != nil && d.Egress.Restricted {
		known, e = s.restricted, d.Egress
	}
	t, err := known.Read(d.Options, func(raw []byte) (*T, error) {
		t, faults := s.read(raw, e)
		return t, asError(faults)
	})
	if err != nil {
		return nil, plugin.ScopeMisconfigured, fmt.Errorf("read the options of target %s: %w", d.Target, err)
	}
	return t, "", nil
}

func (s *Targets[T]) read(raw []byte, e plugin.Egress) (*T, []plugin.Fault) {
	t, faults := s.table.Read(raw, e)
	if t != nil && s.open != nil {
		faults = append(faults, s.open(t, e)...)
	}
	if plugin.Failed(faults) {
		return nil, faults
	}
	return t, faults
}

// asError is faults as one error; nil where there are none but warnings.
func asError(faults []plugin.Fault) error {
	if !plugin.Failed(faults) {
		return nil
	}
	var problems []string
	for _, f := range faults {
		if !f.Warning {
			problems = append(problems, strings.TrimSpace(f.Path+" "+f.Message))
		}
	}
	return errors.New(strings.Join(problems, "; "))
}
