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

// isEmpty is said of keys without a value.
const isEmpty = "is empty: give it a value or remove the key"

// text reports whether n is text, and some; if not, that is a fault.
func (w *walk) text(n *yaml.Node, path string) bool {
	if !w.is(n, yaml.ScalarNode, "text", path) {
		return false
	}
	if n.ShortTag() != "!!str" {
		w.fault(n.Line, path, "wants text, found "+kindOf(n)+" "+n.Value+": put it in quotes, "+strconv.Quote(n.Value))
		return false
	}
	if n.Value == "" {
		w.fault(n.Line, path, isEmpty)
		return false
	}
	return true
}

// boolean returns n's value if it is true or false; if not, that is a fault.
func (w *walk) boolean(n *yaml.Node, path string) (b, ok bool) {
	if !w.is(n, yaml.ScalarNode, "true or false", path) {
		return false, false
	}
	if n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
		w.fault(n.Line, path, "wants true or false, found "+strconv.Quote(n.Value)+": write one of the two")
		return false, false
	}
	return b, true
}

// whole returns n's value if it is a whole number; if not, that is a fault.
func (w *walk) whole(n *yaml.Node, path string) (i int, ok bool) {
	if !w.is(n, yaml.ScalarNode, "a whole number", path) {
		return 0, false
	}
	if n.ShortTag() != "!!int" || n.Decode(&i) != nil {
		w.fault(n.Line, path, "wants a whole number, found "+strconv.Quote(n.Value)+": write it in digits, without quotes")
		return 0, false
	}
	return i, true
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
