package config

import (
	"strconv"

	"gopkg.in/yaml.v3"
)

// maxDepth is how deep options may nest.
const maxDepth = 64

// walk goes through a YAML tree, aliases and merge keys resolved, and bounds what
// they blow it up to.
type walk struct {
	file   string
	lines  map[string]int
	faults Faults

	budget int                 // what is left to visit
	inside map[*yaml.Node]bool // anchors whose aliases are being followed
}

// entry is one key of a mapping with its value.
type entry struct {
	key        string
	line       int // of the key
	node, name *yaml.Node
}

func (w *walk) fault(line int, path, message string) {
	w.faults = append(w.faults, Fault{Pos: Pos{w.file, line}, Path: path, Message: message})
}

func (w *walk) warn(line int, path, message string) {
	w.faults = append(w.faults, Fault{Severity: Warning, Pos: Pos{w.file, line}, Path: path, Message: message})
}

// note keeps the line of path; the first one that is noted stays.
func (w *walk) note(line int, path string) {
	if path = dotted(path); w.lines[path] == 0 {
		w.lines[path] = line
	}
}

// enter begins the visit of n at path: it notes the line, follows an alias and
// counts. It returns what n stands for, nil where that must not be visited, and a
// function that ends the visit.
func (w *walk) enter(n *yaml.Node, path string) (*yaml.Node, func()) {
	w.note(n.Line, path)
	leave := func() {}
	if n.Kind == yaml.AliasNode {
		if w.inside[n.Alias] {
			w.fault(n.Line, path, `anchor "`+n.Value+`" contains itself: write the value out`)
			return nil, leave
		}
		target := n.Alias
		w.inside[target] = true
		leave = func() { delete(w.inside, target) }
		n = target
	}
	if !w.spend(n, path) {
		return nil, leave
	}
	return n, leave
}

// spend counts the visit of n and reports whether there was budget for it.
func (w *walk) spend(n *yaml.Node, path string) bool {
	if w.budget < 0 {
		return false
	}
	if w.budget -= nodeCost + len(n.Value); w.budget < 0 {
		w.fault(n.Line, path, "aliases blow the file up to many times its size: write the values out")
		return false
	}
	return true
}

// nodeCost is what a visit costs beside the length of the text.
const nodeCost = 16

// budgetFor returns what may be spent on a file of size bytes. Without aliases a
// node takes at least two bytes, so no file runs out of it by itself.
func budgetFor(size int) int { return min(32*size+1<<20, 64<<20) }

// entries returns the keys of mapping n, those that it takes over with "<<" behind
// its own. A key given twice is a fault.
func (w *walk) entries(n *yaml.Node, path string) []entry {
	list := make([]entry, 0, len(n.Content)/2)
	var merges []*yaml.Node
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			w.fault(key.Line, path, "has a key that is no text: put the key in quotes")
		case key.ShortTag() == "!!merge":
			merges = append(merges, value)
		case seen[key.Value] != 0:
			w.fault(key.Line, join(path, key.Value), "is given twice, first in line "+strconv.Itoa(seen[key.Value])+": remove one")
		default:
			seen[key.Value] = key.Line
			list = append(list, entry{key.Value, key.Line, value, key})
		}
	}
	for _, m := range merges {
		list = w.merge(list, seen, m, path)
	}
	return list
}

// merge adds to list the entries of what a "<<" names, a mapping or a list of
// them, but for the keys already seen.
func (w *walk) merge(list []entry, seen map[string]int, from *yaml.Node, path string) []entry {
	path = join(path, "<<")
	n, leave := w.enter(from, path)
	defer leave()
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode:
		for _, e := range w.entries(n, path) {
			if w.spend(e.name, path) && seen[e.key] == 0 {
				seen[e.key] = e.line
				list = append(list, e)
			}
		}
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if item.Kind == yaml.SequenceNode {
				w.fault(item.Line, path, wants("keys and values to merge", item))
				continue
			}
			list = w.merge(list, seen, item, path)
		}
	default:
		w.fault(from.Line, path, wants("keys and values to merge", n))
	}
	return list
}

// join returns the path of key within path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
