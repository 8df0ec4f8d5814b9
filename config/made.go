package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Made is one registry, target or rule that stands in no file: somebody gave it as JSON,
// with the keys that it has in a file. One of its fields is set.
//
// It names no file and no variable of the machine that bellbuoy runs on: who gave it need
// not be somebody who may read these. Its secrets stand in it.
type Made struct {
	Registry *Registry
	Target   *Target
	Rule     *Rule

	lines map[string]int // has the paths that are given, as Config.lines
}

// The lists of a configuration that things may be made for, by what these are.
func madeLists() map[string]string {
	return map[string]string{"registry": "registries", "target": "targets", "rule": "rules"}
}

// root is the path at which m is decoded and checked, as the only one of its list.
func (m *Made) root() string {
	switch {
	case m.Registry != nil:
		return item("registries", 0)
	case m.Target != nil:
		return item("targets", 0)
	}
	return item("rules", 0)
}

// Make decodes what was given as a kind, "registry", "target" or "rule". The faults, which
// have no place in a file, are those of its shape; their paths begin within it. With one that
// is more than a warning, what is returned is of no use.
func Make(kind string, data []byte) (*Made, Faults) {
	m := &Made{lines: map[string]int{}}
	var v reflect.Value
	switch kind {
	case "registry":
		m.Registry = &Registry{}
		v = reflect.ValueOf(m.Registry).Elem()
	case "target":
		t := defaultTarget()
		m.Target = &t
		v = reflect.ValueOf(m.Target).Elem()
	case "rule":
		r := defaultRule()
		m.Rule = &r
		v = reflect.ValueOf(m.Rule).Elem()
	default:
		return nil, Faults{Faultf("", "%q is nothing that can be made: make one of %s", kind, strings.Join(slices.Sorted(maps.Keys(madeLists())), ", "))}
	}
	d := newDecoder("", len(data), m.lines)
	d.made = true
	n, err := jsonNode(data)
	if err != nil {
		return m, Faults{Faultf("", "%v", err)}
	}
	d.value(n, v, m.root())
	return m, inside(d.faults, m.root())
}

// inside gives faults the paths that they have within what stands at root.
func inside(faults Faults, root string) Faults {
	for i, f := range faults {
		path := strings.TrimPrefix(f.Path, root)
		faults[i].Path, faults[i].Pos = strings.TrimPrefix(path, "."), Pos{}
	}
	return faults
}

// Beyond finds what is wrong with what was made beyond a configuration's files.
type Beyond struct{ k checker }

// Beyond returns what checks things that are made beside those of c.
func (c *Config) Beyond(known Known) *Beyond {
	own := *c // whose lines are replaced by those of what is checked
	b := &Beyond{checker{Config: &own, known: known}}
	b.k.types = b.k.plugins(c.Plugins)
	return b
}

// Check finds what is wrong with m beyond its shape and whatever else there is: all but
// what it refers to.
func (b *Beyond) Check(m *Made) Faults {
	k, root := b.on(m), m.root()
	switch {
	case m.Registry != nil:
		k.name(root+".name", m.Registry.Name)
		k.ownName(root+".name", m.Registry.Name)
		k.registry(root, *m.Registry)
	case m.Target != nil:
		k.name(root+".name", m.Target.Name)
		k.target(root, *m.Target)
	default:
		k.name(root+".name", m.Rule.Name)
		k.ruleAlone(root, m.Rule)
	}
	return inside(k.faults, root)
}

// Refer says which registries and targets there are.
func (b *Beyond) Refer(registries, targets []string) {
	b.k.registries, b.k.targets = indexed(registries), indexed(targets)
}

func indexed(list []string) nameSet {
	set := nameSet{list, make(map[string]int, len(list))}
	for i, n := range list {
		set.index[n] = i
	}
	return set
}

// References finds what m refers to and is not there.
func (b *Beyond) References(m *Made) Faults {
	if m.Rule == nil {
		return nil
	}
	k := b.on(m)
	k.references(m.root(), m.Rule)
	b.k.compared = k.compared
	return inside(k.faults, m.root())
}

// on is a checker of m.
func (b *Beyond) on(m *Made) *checker {
	k := b.k
	c := *b.k.Config
	c.lines = m.lines
	k.Config, k.faults = &c, nil
	return &k
}

// With returns c with what was made behind what its files have.
func (c *Config) With(made []*Made) *Config {
	with := *c
	with.Registries, with.Targets, with.Rules = slices.Clone(c.Registries), slices.Clone(c.Targets), slices.Clone(c.Rules)
	for _, m := range made {
		switch {
		case m.Registry != nil:
			with.Registries = append(with.Registries, *m.Registry)
		case m.Target != nil:
			with.Targets = append(with.Targets, *m.Target)
		default:
			with.Rules = append(with.Rules, *m.Rule)
		}
	}
	return &with
}

// jsonNode reads JSON into the tree that YAML of the same meaning has. It is not read as
// YAML, which understands some of JSON's escapes otherwise.
func jsonNode(data []byte) (*yaml.Node, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	n, err := nextNode(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("is not JSON that can be read: %w: correct it", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is not JSON: there is more behind it: remove that")
	}
	return n, nil
}

func nextNode(dec *json.Decoder, depth int) (*yaml.Node, error) {
	if depth > maxDepth+8 { // of options, and what is around them
		return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	t, err := dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	scalar := func(tag, value string) (*yaml.Node, error) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}, nil
	}
	switch t := t.(type) {
	case string:
		return scalar("!!str", t)
	case bool:
		return scalar("!!bool", fmt.Sprint(t))
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(t.String(), ".eE") {
			tag = "!!float"
		}
		return scalar(tag, t.String())
	case json.Delim:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if t == '{' {
			n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		keys := map[string]bool{}
		for dec.More() {
			item, err := nextNode(dec, depth+1)
			if err != nil {
				return nil, err
			}
			if n.Kind == yaml.MappingNode && len(n.Content)%2 == 0 {
				if keys[item.Value] {
					return nil, fmt.Errorf("the key %q is given twice in one object", item.Value)
				}
				keys[item.Value] = true
			}
			n.Content = append(n.Content, item)
		}
		_, err := dec.Token() // the end
		return n, err
	}
	return scalar("!!null", "null")
}
