package connect

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// errByHand is wrapped by what says why a file cannot be edited line by line.
var errByHand = errors.New("edit it by hand, as `bellbuoy connect distribution` prints it")

func byHand(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), errByHand)
}

// registryText is a registry's config.yml that is to be edited.
type registryText struct {
	lines []string
	eol   string
	root  *yaml.Node
}

func readRegistryText(text string) (*registryText, error) {
	t := &registryText{lines: lines(text), eol: "\n"}
	if strings.Contains(text, "\r\n") {
		t.eol = "\r\n"
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("it is no YAML: %w: correct it", err)
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		return nil, byHand("a second document begins in line %d", second.Line)
	}
	t.root = doc.Content[0]
	if t.root.Kind != yaml.MappingNode || t.root.Style&yaml.FlowStyle != 0 {
		return nil, byHand("it is not keys and values, a line each")
	}
	if slices.ContainsFunc(t.lines, func(l string) bool { return strings.HasPrefix(l, "...") }) {
		return nil, byHand("its document is ended by three dots")
	}
	return t, nil
}

// find returns the key of a mapping and what is behind it, nil where it is not there.
func find(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// empty reports whether a value is nothing: null, or a list without items.
func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" || n.Kind == yaml.SequenceNode && len(n.Content) == 0 && n.Alias == nil
}

// block sees that n can be edited line by line.
func block(n *yaml.Node, kind yaml.Kind, what string) error {
	switch {
	case n.Kind != kind:
		return byHand("%s in line %d is something else than expected", what, n.Line)
	case n.Style&yaml.FlowStyle != 0:
		return byHand("%s in line %d is written on one line, in brackets", what, n.Line)
	case n.Anchor != "":
		return byHand("%s in line %d has an anchor, &%s", what, n.Line, n.Anchor)
	}
	return nil
}

// indent is the column, from 0, in which the text of a line begins; -1 where there is none.
func indent(line string) int {
	trimmed := strings.TrimLeft(line, " ")
	if strings.TrimSpace(trimmed) == "" {
		return -1
	}
	return len(line) - len(trimmed)
}

// end is the line behind the last one of what begins in line at (from 0) in a column: all
// that is further to the right, and, behind a key, a list in the same column. Blank lines
// and comments behind it belong to what follows.
func (t *registryText) end(at, column int, key bool) int {
	last := at
	for i := at + 1; i < len(t.lines); i++ {
		n := indent(t.lines[i])
		if n < 0 {
			continue
		}
		dash := key && n == column && regexp.MustCompile(`^-(\s|$)`).MatchString(t.lines[i][n:])
		if n <= column && !dash {
			if strings.HasPrefix(t.lines[i][n:], "#") {
				continue // what goes on behind it tells
			}
			break
		}
		last = i
	}
	return last + 1
}

// keyEnd is the line behind a key of a mapping and all that is behind it.
func (t *registryText) keyEnd(key *yaml.Node) int { return t.end(key.Line-1, key.Column-1, true) }

// indented returns lines with blanks before them.
func (t *registryText) indented(column int, text ...string) []string {
	out := make([]string, len(text))
	for i, l := range text {
		out[i] = strings.Repeat(" ", column) + l + t.eol
	}
	return out
}

// insert adds lines before line at (from 0).
func insert(at int, add []string) []edit { return []edit{{at, 0, add}} }

const referencesLine = "includereferences: true # tells an image from a chart, a signature, an SBOM"

// plan finds the edits that make the file as it should be, in order, with what they change.
func (t *registryText) plan(w endpointWant) ([]edit, []string, error) {
	edits, changes, err := t.edits(w)
	return inOrder(t.lines, t.eol, edits), changes, err
}

func (t *registryText) edits(w endpointWant) (edits []edit, changes []string, err error) {
	key, notifications := find(t.root, "notifications")
	if key == nil {
		add := append([]string{"notifications:" + t.eol}, t.events(2)...)
		add = append(append(add, t.indented(2, "endpoints:")...), t.indented(4, w.lines()...)...)
		return insert(len(t.lines), add), nil, nil
	}
	if empty(notifications) && notifications.Kind == yaml.ScalarNode {
		if !bare(t.lines[key.Line-1], key) {
			return nil, nil, byHand("notifications in line %d is not empty", key.Line)
		}
		add := append(t.events(2), t.indented(2, "endpoints:")...)
		return insert(key.Line, append(add, t.indented(4, w.lines()...)...)), nil, nil
	}
	if t.right(notifications, w) {
		return nil, nil, nil
	}
	if err := block(notifications, yaml.MappingNode, "notifications"); err != nil {
		return nil, nil, err
	}
	column := notifications.Column - 1
	if edits, err = t.references(notifications, column); err != nil {
		return nil, nil, err
	}
	if len(edits) > 0 {
		changes = append(changes, "did not send what a manifest refers to")
	}
	key, endpoints := find(notifications, "endpoints")
	switch {
	case key == nil:
		add := append(t.indented(column, "endpoints:"), t.indented(column+2, w.lines()...)...)
		first, _ := find(t.root, "notifications")
		return append(edits, insert(t.keyEnd(first), add)...), nil, nil
	case empty(endpoints):
		line := t.lines[key.Line-1]
		if !regexp.MustCompile(`^ *endpoints: *(\[ *\]|~|null)? *(#.*)?\r?\n?$`).MatchString(line) {
			return nil, nil, byHand("the empty endpoints in line %d are written in a way of their own", key.Line)
		}
		add := append(t.indented(column, "endpoints:"), t.indented(column+2, w.lines()...)...)
		return append(edits, edit{key.Line - 1, 1, add}), changes, nil
	}
	if err := block(endpoints, yaml.SequenceNode, "endpoints"); err != nil {
		return nil, nil, err
	}
	item, err := ours(endpoints, w.name)
	if err != nil {
		return nil, nil, err
	}
	if item != nil {
		more, said, err := t.update(item, w)
		return append(edits, more...), append(changes, said...), err
	}
	last := endpoints.Content[len(endpoints.Content)-1]
	dash := endpoints.Column - 1
	at := t.end(last.Line-1, dash, false)
	return append(edits, insert(at, t.indented(dash, w.lines()...))...), nil, nil
}

// right reports whether there is nothing to be done, however it is written.
func (t *registryText) right(notifications *yaml.Node, w endpointWant) bool {
	_, endpoints := find(notifications, "endpoints")
	if endpoints == nil {
		return false
	}
	item, err := ours(endpoints, w.name)
	if err != nil || item == nil {
		return false
	}
	_, changes, err := t.update(item, w)
	if err != nil || len(changes) > 0 {
		return false
	}
	_, events := find(notifications, "events")
	at, _ := find(events, "includereferences")
	return at != nil
}

// bare reports whether there is nothing but a comment behind a key.
func bare(line string, key *yaml.Node) bool {
	return regexp.MustCompile(`^ *` + regexp.QuoteMeta(key.Value) + `: *(#.*)?\r?\n?$`).MatchString(line)
}

func (t *registryText) events(column int) []string {
	return append(t.indented(column, "events:"), t.indented(column+2, referencesLine)...)
}

// references adds what has the registry send more than a media type. Where it says no
// itself, that stays.
func (t *registryText) references(notifications *yaml.Node, column int) ([]edit, error) {
	key, events := find(notifications, "events")
	switch {
	case key == nil:
		return insert(notifications.Line-1, t.events(column)), nil
	case empty(events) && events.Kind == yaml.ScalarNode && bare(t.lines[key.Line-1], key):
		return insert(key.Line, t.indented(column+2, referencesLine)), nil
	}
	if at, _ := find(events, "includereferences"); at != nil || events.Kind != yaml.MappingNode || events.Style&yaml.FlowStyle != 0 || events.Anchor != "" {
		return nil, nil
	}
	return insert(events.Line-1, t.indented(events.Column-1, referencesLine)), nil
}

// ours finds the endpoint called name, nil where there is none.
func ours(endpoints *yaml.Node, name string) (found *yaml.Node, err error) {
	for _, n := range endpoints.Content {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		_, v := find(n, "name")
		if v == nil || v.Value != name {
			continue
		}
		if found != nil {
			return nil, byHand("two endpoints are named %q, in lines %d and %d", name, found.Line, n.Line)
		}
		found = n
	}
	return found, nil
}

// remove finds the edits that take the endpoint out, and the keys that have nothing below
// them without it.
func (t *registryText) remove(name string) ([]edit, error) {
	top, notifications := find(t.root, "notifications")
	key, endpoints := find(notifications, "endpoints")
	if key == nil || endpoints.Kind != yaml.SequenceNode {
		return nil, nil
	}
	item, err := ours(endpoints, name)
	if err != nil || item == nil {
		return nil, err
	}
	if err := errors.Join(block(notifications, yaml.MappingNode, "notifications"), block(endpoints, yaml.SequenceNode, "endpoints")); err != nil {
		return nil, err
	}
	if item.Anchor != "" || !slices.Contains(endpoints.Content, item) {
		return nil, byHand("the endpoint in line %d has an anchor", item.Line)
	}
	at, to := item.Line-1, t.end(item.Line-1, endpoints.Column-1, false)
	if !strings.HasPrefix(strings.TrimLeft(t.lines[at], " "), "-") {
		return nil, byHand("the endpoint in line %d begins behind its dash", item.Line)
	}
	if len(endpoints.Content) > 1 {
		return []edit{{at, to - at, nil}}, nil
	}
	at, to = key.Line-1, t.keyEnd(key)
	edits := []edit{{at, to - at, nil}}
	left := len(notifications.Content)/2 - 1
	if events := t.ourEvents(notifications); events != nil {
		edits = append(edits, edit{events.Line - 1, t.keyEnd(events) - events.Line + 1, nil})
		left--
	}
	if left == 0 {
		at, to = top.Line-1, t.keyEnd(top)
		return []edit{{at, to - at, nil}}, nil
	}
	return inOrder(t.lines, t.eol, edits), nil
}

// ourEvents is the key of the events where all that they hold was added here, as the
// comment tells; else nil.
func (t *registryText) ourEvents(notifications *yaml.Node) *yaml.Node {
	key, events := find(notifications, "events")
	if key == nil || block(events, yaml.MappingNode, "events") != nil || len(events.Content) != 2 {
		return nil
	}
	if n := events.Content[0]; strings.TrimSpace(t.lines[n.Line-1]) != referencesLine {
		return nil
	}
	return key
}

// verify sees that text is what old was, but for the endpoint called name and what tells
// the registry to send references.
func verify(old, text, name string) error {
	was, err := others(old, name)
	if err != nil {
		return err
	}
	is, err := others(text, name)
	if err != nil || !reflect.DeepEqual(was, is) {
		return byHand("its lines cannot be told apart safely")
	}
	return nil
}

// others is what a registry's file says, without what [verify] is to pass over.
func others(text, name string) (map[string]any, error) {
	var all map[string]any
	if err := yaml.Unmarshal([]byte(text), &all); err != nil {
		return nil, byHand("it is not read alike by all: %v", err)
	}
	notifications, _ := all["notifications"].(map[string]any)
	if events, ok := notifications["events"].(map[string]any); ok {
		if events["includereferences"] == true {
			delete(events, "includereferences")
		}
		if len(events) == 0 {
			delete(notifications, "events")
		}
	} else if notifications["events"] == nil {
		delete(notifications, "events")
	}
	list, _ := notifications["endpoints"].([]any)
	list = slices.DeleteFunc(list, func(e any) bool {
		m, ok := e.(map[string]any)
		return ok && m["name"] == name
	})
	if notifications != nil {
		notifications["endpoints"] = list
	}
	if len(list) == 0 {
		delete(notifications, "endpoints")
	}
	if len(notifications) == 0 {
		delete(all, "notifications")
	}
	return all, nil
}
