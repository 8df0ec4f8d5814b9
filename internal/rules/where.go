package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// The bounds of an expression, so that no rule makes matching slow or large. What it
// reads is bounded by the event, and what it may do with that by [inspector].
const (
	maxWhere       = 1024   // bytes
	maxWhereNodes  = 200    // of its syntax tree
	maxWhereMemory = 10_000 // items of lists that it makes
)

// functions are those of expr-lang that expressions may use: they are quick, make
// nothing that is much larger than what they are given, and give the same whenever
// and wherever they are asked. "date" is ours.
var functions = []string{
	"all", "any", "none", "one", "filter", "map", "count", "find", "findIndex",
	"len", "first", "last", "sum", "min", "max", "mean", "abs", "ceil", "floor", "round", "int", "float",
	"lower", "upper", "trim", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix", "indexOf", "lastIndexOf",
	"date", "duration",
}

// where is a compiled expression.
type where struct {
	source  string
	program *vm.Program
	// reads are the fields of the event that the expression reads and does not ask
	// for being there: "artifact.size".
	reads []string
}

// compileWhere compiles source.
func compileWhere(source string) (*where, error) {
	if len(source) > maxWhere {
		return nil, fmt.Errorf("is %d bytes long: write at most %d, or make several rules of it", len(source), maxWhere)
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, whereError(err)
	}
	in := inspect(&tree.Node)
	if in.err != nil {
		return nil, in.err
	}
	if _, err := expr.Compile(source, append(whereOptions(), expr.Env(types.Map{"event": shape}), expr.AsBool(), expr.WarnOnAny())...); err != nil {
		return nil, whereError(err)
	}
	// Of what has types expr-lang makes code that takes no nil, though "?." gives one.
	// So what has passed the check of types is compiled without them.
	program, err := expr.Compile(source, whereOptions()...)
	if err != nil {
		return nil, whereError(err)
	}
	return &where{source: source, program: program, reads: in.reads}, nil
}

func whereOptions() []expr.Option {
	options := []expr.Option{
		expr.MaxNodes(maxWhereNodes),
		expr.DisableAllBuiltins(),
		expr.Function("date", date, new(func(string) time.Time)),
	}
	for _, name := range functions {
		if name != "date" {
			options = append(options, expr.EnableBuiltin(name))
		}
	}
	return options
}

// date reads a moment as events have it. That of expr-lang knows time zones, which
// are others on other machines.
func date(args ...any) (any, error) {
	t, err := time.Parse(time.RFC3339, args[0].(string))
	if err != nil {
		return nil, fmt.Errorf("%s is no moment such as 2026-01-02T15:04:05Z", quote(args[0].(string)))
	}
	return t.UTC(), nil
}

// whereError says what is wrong with an expression, in one line.
func whereError(err error) error {
	var at *file.Error
	if errors.As(err, &at) {
		return fmt.Errorf("is no condition: %s, at letter %d: correct it", bounded(oneLine(at.Message)), at.Column+1)
	}
	return fmt.Errorf("is no condition: %s: correct it", bounded(oneLine(err.Error())))
}

func byWhere(w *where) condition {
	return condition{
		predicate: "where",
		holds: func(s *subject) bool {
			ok, err := w.run(s)
			return ok && err == nil
		},
		why: w.why,
		uncomputed: func(s *subject) bool {
			_, err := w.run(s)
			return err != nil
		},
	}
}

// run computes the expression, or repeats what it was the last time.
func (w *where) run(s *subject) (bool, error) {
	if s.computed.of != w {
		s.computed.of = w
		s.computed.holds, s.computed.err = w.compute(s)
	}
	return s.computed.holds, s.computed.err
}

func (w *where) compute(s *subject) (bool, error) {
	result, err := s.machine.Run(w.program, s.environment())
	if err != nil {
		return false, err
	}
	holds, ok := result.(bool)
	if !ok {
		return false, errors.New("the result is neither true nor false")
	}
	return holds, nil
}

// why says with which values the expression is false, or what it lacks.
func (w *where) why(s *subject) string {
	event := s.environment()["event"].(map[string]any)
	source := bounded(oneLine(w.source))
	if _, err := w.run(s); err != nil {
		for _, path := range w.reads {
			if missing := absent(event, path); missing != "" {
				return fmt.Sprintf("the event has no %s, so where cannot be computed: %s", missing, source)
			}
		}
		var at *file.Error
		if errors.As(err, &at) {
			err = errors.New(at.Message)
		}
		return fmt.Sprintf("where cannot be computed: %s: %s", bounded(oneLine(err.Error())), source)
	}
	const most = 3
	var with []string
	for _, path := range w.reads {
		if v := at(event, path); !isList(v) && len(with) < most {
			with = append(with, fmt.Sprintf("%s is %s", path, shown(v)))
		}
	}
	if with == nil {
		return "where is false: " + source
	}
	return fmt.Sprintf("where is false: %s (%s)", source, and(with, "and"))
}

// at returns the field of event at path, or nil.
func at(event map[string]any, path string) any {
	var v any = event
	for name := range strings.SplitSeq(path, ".") {
		fields, _ := v.(map[string]any)
		v = fields[name]
	}
	return v
}

// absent returns the part of path that event has not, up to where it ends.
func absent(event map[string]any, path string) string {
	names := strings.Split(path, ".")
	for i := range names {
		if p := strings.Join(names[:i+1], "."); at(event, p) == nil {
			return p
		}
	}
	return ""
}

func isList(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// shown writes the value of a field.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "absent"
	case string:
		return quote(v)
	}
	return fmt.Sprint(v)
}

// oneLine puts the lines of s beside each other.
func oneLine(s string) string { return strings.Join(slices.Collect(strings.FieldsSeq(s)), " ") }
