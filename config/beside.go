package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// DefaultEndpoint is the name of the endpoint that posts to bellbuoy, unless another is
// named.
const DefaultEndpoint = "bellbuoy"

// Beside is the config.yml of the Distribution registry that bellbuoy runs beside.
type Beside struct {
	File     string
	Endpoint string // that posts to bellbuoy, among its notifications.endpoints; "" = [DefaultEndpoint]
}

// LoadBeside reads a configuration of which a registry's own config.yml is part, so that
// the two cannot drift. The registry's endpoint says where bellbuoy listens, under which
// name it knows the registry, and what the registry must show. All else stands below a
// top-level key "bellbuoy" of the same file, or in bellbuoy's own file, which is not
// read where own is "", or partly here and partly there. What two places say must be the
// same.
//
// With neither, the rest is as in [Default]. The faults are those of [Parse], and the
// mistakes in the registry's file that the registry passes over in silence.
func LoadBeside(own string, beside Beside, known Known) (*Config, Faults) {
	c := defaults()
	c.file, c.lines, c.written = beside.File, map[string]int{}, map[string]place{}
	data, err := readFile(beside.File)
	c.reads = append(c.reads, readOf(beside.File, data))
	if err != nil {
		return &c, Faults{{Pos: Pos{File: beside.File}, Message: err.Error()}}
	}
	root, faults := firstDocument(beside.File, data)
	if root == nil {
		return &c, faults
	}
	f := readRegistryFile(beside.File, len(data), root)
	faults = append(faults, f.faults...)
	faults = append(faults, overrides(beside.File, environ())...)

	if own != "" {
		faults = append(faults, c.ownFile(own, f)...)
	}
	if f.section != nil {
		faults = append(faults, c.ownSection(f, len(data))...)
	}
	faults = append(faults, c.endpoint(f, beside.Endpoint)...)
	faults = faults.Merge(c.Locate(c.check(known)))
	if own == "" && f.section == nil {
		c.Keep = Default().Keep
	}
	return &c, faults
}

// firstDocument returns the root of the first document in data, the only one that a
// registry reads, and nil where there is none.
func firstDocument(file string, data []byte) (*yaml.Node, Faults) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, Faults{{Pos: Pos{File: file}, Message: "is empty: name the config.yml that the registry is started with"}}
	} else if err != nil {
		return nil, Faults{syntaxFault(file, err)}
	}
	if err := dec.Decode(&second); err == nil {
		return doc.Content[0], Faults{{Severity: Warning, Pos: Pos{file, second.Line}, Message: `a second document begins here, which the registry does not read, nor bellbuoy: remove the "---"`}}
	}
	return doc.Content[0], nil
}

// ownFile lays bellbuoy's own file over c.
func (c *Config) ownFile(file string, f *registryFile) Faults {
	c.file = file
	data, err := readFile(file)
	c.reads = append(c.reads, readOf(file, data))
	if err != nil {
		return Faults{{Pos: Pos{File: file}, Message: err.Error()}}
	}
	root, faults := document(file, data)
	if root == nil {
		return faults
	}
	if f.section != nil {
		faults = append(faults, contradictions(file, root, f)...)
	}
	d := newDecoder(file, len(data), c.lines)
	d.decode(root, c)
	return append(faults, d.faults...)
}

// ownSection lays the section for bellbuoy in the registry's file over c. It notes of
// each key there that it is written in that file.
func (c *Config) ownSection(f *registryFile, size int) Faults {
	own := c.lines
	c.lines = map[string]int{}
	d := newDecoder(f.file, size, c.lines)
	d.decode(f.section, c)
	for i, fault := range d.faults {
		d.faults[i].Path = sectionKey
		if fault.Path != "" {
			d.faults[i].Path = join(sectionKey, fault.Path)
		}
	}
	for path, line := range c.lines {
		if _, ok := own[path]; ok || path == "" {
			continue // both say the same
		}
		own[path] = line
		if around(path) == "" {
			c.written[path] = place{file: f.file, path: join(sectionKey, path)}
		}
	}
	c.lines = own
	return d.faults
}

// contradictions finds what the section for bellbuoy in the registry's file says
// otherwise than bellbuoy's own file.
func contradictions(file string, root *yaml.Node, f *registryFile) Faults {
	first, second, budget := top(root), top(f.section), maxSame
	var faults Faults
	for _, e := range second {
		for _, o := range first {
			if e.key == o.key && !same(e.node, o.node, &budget) {
				faults = append(faults, Fault{Pos: Pos{f.file, e.line}, Path: join(sectionKey, e.key),
					Message: fmt.Sprintf("stands in %s too, and says something else there: keep one of the two", Pos{file, o.line})})
			}
		}
	}
	return faults
}

// top returns the keys of a mapping, as far as it is one.
func top(n *yaml.Node) []entry {
	w := walk{lines: map[string]int{}, budget: budgetFor(0), inside: map[*yaml.Node]bool{}}
	n, leave := w.enter(n, "")
	defer leave()
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	return w.entries(n, "")
}

// maxSame is how many nodes of two files are compared.
const maxSame = 1 << 20

// same reports whether two trees say the same. budget is what may still be compared:
// aliases can make a small tree a large one, or an endless one.
func same(a, b *yaml.Node, budget *int) bool {
	if a.Kind == yaml.AliasNode {
		a = a.Alias
	}
	if b.Kind == yaml.AliasNode {
		b = b.Alias
	}
	*budget--
	if *budget < 0 || a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i], budget) {
			return false
		}
	}
	return true
}
