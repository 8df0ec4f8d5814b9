package message

import (
	"fmt"
	"slices"
	"text/template/parse"
)

// guard goes through a template that was parsed. What it must not do is an error; where
// it writes a value the escaper is put behind it, and at each turn of a loop a count.
func guard(tree *parse.Tree) error {
	g := guardian{tree: tree}
	g.list(tree.Root, true)
	return g.err
}

// guardian keeps the first error.
type guardian struct {
	tree *parse.Tree
	err  error
}

func (g *guardian) fault(at parse.Node, format string, args ...any) {
	if g.err == nil {
		where, _ := g.tree.ErrorContext(at)
		line := ""
		if _, rest, ok := cutPlace(where); ok {
			line = "line " + rest + ": "
		}
		g.err = fmt.Errorf(line+format, args...)
	}
}

// list goes through nodes; root says that the dot is the event there.
func (g *guardian) list(nodes *parse.ListNode, root bool) {
	if nodes == nil {
		return
	}
	for _, n := range nodes.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			g.pipe(n.Pipe, root)
			if len(n.Pipe.Decl) == 0 {
				n.Pipe.Cmds = append(n.Pipe.Cmds, command(escaper, n.Pos))
			}
		case *parse.IfNode:
			g.branch(&n.BranchNode, root, root)
		case *parse.WithNode:
			g.branch(&n.BranchNode, root, false)
		case *parse.RangeNode:
			g.branch(&n.BranchNode, root, false)
			turn := &parse.ActionNode{NodeType: parse.NodeAction, Pos: n.Pos, Line: n.Line, Pipe: &parse.PipeNode{
				NodeType: parse.NodePipe, Pos: n.Pos, Line: n.Line, Cmds: []*parse.CommandNode{command(counter, n.Pos)},
			}}
			n.List.Nodes = slices.Insert(n.List.Nodes, 0, parse.Node(turn))
		case *parse.TemplateNode:
			g.fault(n, "has a template within itself: write all of it in one")
		}
	}
}

func (g *guardian) branch(n *parse.BranchNode, outside, inside bool) {
	g.pipe(n.Pipe, outside)
	g.list(n.List, inside)
	g.list(n.ElseList, outside)
}

func (g *guardian) pipe(p *parse.PipeNode, root bool) {
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			g.argument(arg, root)
		}
	}
}

func (g *guardian) argument(n parse.Node, root bool) {
	switch n := n.(type) {
	case *parse.IdentifierNode:
		if n.Ident == escaper || n.Ident == counter || !slices.Contains(Functions(), n.Ident) {
			g.fault(n, "there is no function %q: there are %s", n.Ident, listed(Functions()))
		}
	case *parse.PipeNode:
		g.pipe(n, root)
	case *parse.ChainNode:
		g.argument(n.Node, root)
	case *parse.FieldNode:
		if root {
			g.field(n, n.Ident)
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			g.field(n, n.Ident[1:])
		}
	}
}

func (g *guardian) field(at parse.Node, idents []string) {
	if problem := unknown(idents); problem != "" {
		g.fault(at, "%s", problem)
	}
}

// command is a call of a function without arguments, to be put into a pipeline.
func command(function string, at parse.Pos) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at, Args: []parse.Node{
		parse.NewIdentifier(function).SetPos(at),
	}}
}
