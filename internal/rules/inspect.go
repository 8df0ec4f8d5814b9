package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
)

// maxWhereDepth is how deep lists may be gone through within each other.
const maxWhereDepth = 2

// methods are those of moments and lengths of time that do not ask where they are.
var methods = []string{"UTC", "Unix", "Year", "YearDay", "Day", "Hour", "Minute", "Hours", "Minutes", "Seconds"}

// inspector looks through the syntax tree of an expression. It refuses what has no
// place in a rule, and notes what is read of the event.
type inspector struct {
	err   error // the first
	nodes int
	reads []string
	depth map[ast.Node]int // of lists within lists, by predicate
}

func inspect(tree *ast.Node) *inspector {
	in := &inspector{depth: map[ast.Node]int{}}
	ast.Walk(tree, in)
	// Who reads artifact.size reads artifact for no other sake.
	reads := slices.Clone(in.reads)
	in.reads = slices.DeleteFunc(in.reads, func(p string) bool {
		return slices.ContainsFunc(reads, func(q string) bool { return strings.HasPrefix(q, p+".") })
	})
	return in
}

func (in *inspector) refuse(format string, args ...any) {
	if in.err == nil {
		in.err = fmt.Errorf(format, args...)
	}
}

// Visit implements [ast.Visitor]; what a node holds was visited before.
func (in *inspector) Visit(node *ast.Node) {
	if in.nodes++; in.nodes > maxWhereNodes {
		in.refuse("has more than %d parts: make several rules of it", maxWhereNodes)
		return
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			in.refuse("there is no $env: write event, and a field of it, such as event.artifact.size")
		}
	case *ast.MemberNode:
		in.member(n)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value != "date" {
			in.function(callee.Value)
		}
	case *ast.BuiltinNode:
		if !slices.Contains(functions, n.Name) {
			in.function(n.Name)
		}
	case *ast.BinaryNode:
		in.binary(n)
	case *ast.PredicateNode:
		inner := deepest{in.depth, 0}
		ast.Walk(&n.Node, &inner)
		in.depth[n] = inner.depth + 1
		if in.depth[n] > maxWhereDepth {
			in.refuse("goes through lists within lists, more than %d deep: ask less at once", maxWhereDepth)
		}
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		in.refuse("is more than one condition: write it without let and semicolons")
	}
}

// function refuses a function that there is not, or not in rules.
func (in *inspector) function(name string) {
	in.refuse("there is no function %s in rules, whose answer must be quick and always the same: %s", name, config.Suggest(name, functions))
}

// deepest finds the depth of what is below a node.
type deepest struct {
	known map[ast.Node]int
	depth int
}

func (d *deepest) Visit(node *ast.Node) { d.depth = max(d.depth, d.known[*node]) }

func (in *inspector) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		in.refuse("has a range: write x >= 1 and x <= 5 instead of x in 1..5")
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			in.refuse("matches needs its regex written out, in quotes")
			return
		}
		if _, err := parseRegex(pattern.Value); err != nil {
			in.refuse("its regex %w", err)
		}
	case "??":
		in.mayMiss(n.Left)
	case "==", "!=":
		if _, ok := n.Right.(*ast.NilNode); ok {
			in.mayMiss(n.Left)
		}
	}
}

// mayMiss takes out of what is read the field that n names, since the expression
// knows what to do without.
func (in *inspector) mayMiss(n ast.Node) {
	if chain, ok := n.(*ast.ChainNode); ok {
		n = chain.Node
	}
	if path, ok := pathOf(n); ok {
		in.reads = slices.DeleteFunc(in.reads, func(p string) bool { return p == path })
	}
}

// member checks and notes that a field is read.
func (in *inspector) member(n *ast.MemberNode) {
	if n.Method {
		if name, ok := n.Property.(*ast.StringNode); ok && !slices.Contains(methods, name.Value) {
			in.refuse("there is no method %s: %s", name.Value, config.Suggest(name.Value, methods))
		}
		return
	}
	path, ok := pathOf(n)
	if !ok {
		return
	}
	if n.Optional {
		in.mayMiss(n.Node)
	}
	var fields types.Type = shape
	names := strings.Split(path, ".")
	for i, name := range names {
		m, isObject := fields.(types.Map)
		if !isObject {
			return // the checker of types says it
		}
		next, known := m[name]
		if !known {
			in.refuse("%s has no %q: %s", strings.Join(append([]string{"event"}, names[:i]...), "."), name, config.Suggest(name, sortedKeys(m)))
			return
		}
		fields = next
	}
	if !optional(n) && !slices.Contains(in.reads, path) {
		in.reads = append(in.reads, path)
	}
}

// pathOf returns the path of n within the event, if n is a field of it.
func pathOf(n ast.Node) (string, bool) {
	m, ok := n.(*ast.MemberNode)
	if !ok {
		return "", false
	}
	name, ok := m.Property.(*ast.StringNode)
	if !ok {
		return "", false
	}
	inner := m.Node
	if chain, ok := inner.(*ast.ChainNode); ok {
		inner = chain.Node
	}
	if root, ok := inner.(*ast.IdentifierNode); ok && root.Value == "event" {
		return name.Value, true
	}
	path, ok := pathOf(inner)
	return path + "." + name.Value, ok
}

// optional reports whether n is reached by "?.", so that it may be missing.
func optional(n *ast.MemberNode) bool {
	for {
		if n.Optional {
			return true
		}
		inner := n.Node
		if chain, ok := inner.(*ast.ChainNode); ok {
			inner = chain.Node
		}
		m, ok := inner.(*ast.MemberNode)
		if !ok {
			return false
		}
		n = m
	}
}

func sortedKeys(m types.Map) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
