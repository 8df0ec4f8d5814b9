package config

import (
	"strconv"

	"gopkg.in/yaml.v3"
)

// is reports whether n is of that kind; if not, it is a fault that what was wanted
// and is not there.
func (w *walk) is(n *yaml.Node, kind yaml.Kind, what, path string) bool {
	if n.Kind == kind {
		return true
	}
	w.fault(n.Line, path, wants(what, n))
	return false
}

// text reports whether n is text; if not, that is a fault.
func (w *walk) text(n *yaml.Node, path string) bool {
	if !w.is(n, yaml.ScalarNode, "text", path) {
		return false
	}
	if n.ShortTag() == "!!str" {
		return true
	}
	w.fault(n.Line, path, "wants text, found "+kindOf(n)+" "+n.Value+": put it in quotes, "+strconv.Quote(n.Value))
	return false
}

// wants says that something else than n was wanted, and how to write that.
func wants(what string, n *yaml.Node) string {
	hint := "write one value"
	switch {
	case what == "a list" && n.Kind == yaml.ScalarNode:
		hint = "put it in brackets, [" + n.Value + "]"
	case what == "a list":
		hint = `begin each item with "- "`
	case what == "keys and values" || what == "keys and values to merge":
		hint = `write "key: value"`
	}
	return "wants " + what + ", found " + kindOf(n) + ": " + hint
}

// kindOf names what n is, in the words of people.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "the number"
	case "!!bool":
		return "the word"
	case "!!timestamp":
		return "the date"
	case "!!null":
		return "nothing"
	}
	return "the type " + n.Tag
}
