package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Endpoint is what the config.yml of a Distribution registry says of the notifications
// that it posts to bellbuoy.
type Endpoint struct {
	Name              string // of the endpoint there
	Registry          string // of the entry in [Config.Registries] that stands for it
	IncludeReferences bool
	// Ignored are what the registry does not post. A registry has no other filter.
	Ignored []Ignored
	Pos     Pos
}

// Ignored is one entry of an endpoint's ignore lists: the registry posts no event that
// has it.
type Ignored struct {
	Action    string // push, pull, mount or delete; or
	MediaType string // of an event's target, exactly
	Pos       Pos
	Path      string // in the registry's file
}

// endpoint is one of a registry's endpoints, as far as it could be read.
type endpoint struct {
	Endpoint
	path     string // "notifications.endpoints[0]"
	disabled bool
	url      string
	headers  []header
	faults   Faults

	urlLine, disabledLine, headersLine int
}

// header is one that the registry adds to each request.
type header struct {
	name, path string
	line       int
	values     []Secret
}

// registryFile is what bellbuoy reads of a Distribution registry's config.yml.
type registryFile struct {
	walk
	endpoints []endpoint
	section   *yaml.Node // what stands below "bellbuoy"
	references,
	deletes bool
}

// sectionKey is the top-level key below which bellbuoy's own configuration may stand in
// a registry's file. The registry ignores keys there that it does not know.
const sectionKey = "bellbuoy"

// The keys that Distribution knows where it takes notice of bellbuoy. It ignores others
// without a word, those in capitals too.
var (
	notificationKeys = []string{"events", "endpoints"}
	eventKeys        = []string{"includereferences"}
	endpointKeys     = []string{"name", "disabled", "url", "headers", "timeout", "threshold", "backoff", "ignoredmediatypes", "ignore"}
	ignoreKeys       = []string{"mediatypes", "actions"}
	actions          = []string{"push", "pull", "mount", "delete"}
)

// readRegistryFile reads a registry's file from the root of its document.
func readRegistryFile(file string, size int, root *yaml.Node) *registryFile {
	f := &registryFile{walk: walk{file: file, lines: map[string]int{}, budget: budgetFor(size), inside: map[*yaml.Node]bool{}}}
	if !f.is(root, yaml.MappingNode, "keys and values", "") {
		return f
	}
	entries := f.entries(root, "")
	for i, fault := range f.faults { // the registry's own affairs
		if !slices.Contains([]string{"notifications", sectionKey}, fault.Path) {
			f.faults[i].Severity = Warning
		}
	}
	heard := slices.ContainsFunc(entries, func(e entry) bool { return e.key == "notifications" })
	for _, e := range entries {
		switch e.key {
		case "notifications":
			f.notifications(e)
		case "storage":
			f.storage(e)
		case sectionKey:
			f.section = e.node
			f.note(e.line, sectionKey)
		default:
			near, ok := Nearest(e.key, []string{"notifications", sectionKey})
			switch {
			case ok && near == "notifications" && !heard:
				heard = true
				f.fault(e.line, e.key, unknownTo+`did you mean "`+near+`"?`)
			case ok:
				f.warn(e.line, e.key, unknownTo+`did you mean "`+near+`"?`)
			}
		}
	}
	if !heard {
		f.fault(0, "", `has no "notifications", so the registry tells nobody anything: `+howToConnect)
	}
	return f
}

// unknownTo is said of keys that the registry does not know.
const unknownTo = "the registry does not know this key and ignores it without a word: "

const howToConnect = "add what `bellbuoy connect distribution` prints"

// known returns the keys of n that the registry knows, or that were meant to be one of
// those, and finds fault with all others.
func (f *registryFile) known(n *yaml.Node, path string, names []string) map[string]entry {
	if !f.is(n, yaml.MappingNode, "keys and values", path) {
		return nil
	}
	found := map[string]entry{}
	for _, e := range f.entries(n, path) {
		if slices.Contains(names, e.key) {
			found[e.key] = e
			continue
		}
		near, ok := Nearest(e.key, names)
		if !ok {
			f.warn(e.line, join(path, e.key), unknownTo+Suggest(e.key, names))
			continue
		}
		f.fault(e.line, join(path, e.key), unknownTo+`did you mean "`+near+`"?`)
		if _, given := found[near]; !given {
			found[near] = entry{key: near, line: e.line} // so that it is not missed as well
		}
	}
	return found
}

// visit calls read with what e holds, if that is there: the registry takes a key with
// nothing behind it as absent.
func (f *registryFile) visit(e entry, path string, read func(n *yaml.Node, path string)) {
	if e.node == nil {
		return
	}
	f.note(e.line, path)
	n, leave := f.enter(e.node, path)
	defer leave()
	if n != nil && !(n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null") {
		read(n, path)
	}
}

func (f *registryFile) notifications(e entry) {
	f.visit(e, "notifications", func(n *yaml.Node, path string) {
		keys := f.known(n, path, notificationKeys)
		if keys == nil {
			return
		}
		f.events(keys["events"], n.Line)
		f.visit(keys["endpoints"], "notifications.endpoints", func(n *yaml.Node, path string) {
			if !f.is(n, yaml.SequenceNode, "a list", path) {
				return
			}
			for i, one := range n.Content {
				f.visit(entry{line: one.Line, node: one}, item(path, i), f.endpoint)
			}
		})
	})
}

// events reads what every endpoint's events hold. line is that of the notifications.
func (f *registryFile) events(e entry, line int) {
	const key = "notifications.events.includereferences"
	said := false // what is wrong with it
	f.visit(e, "notifications.events", func(n *yaml.Node, path string) {
		line = e.line
		at, ok := f.known(n, path, eventKeys)["includereferences"]
		if ok {
			line, said = at.line, at.node == nil
		}
		f.visit(at, key, func(n *yaml.Node, path string) {
			f.references, ok = f.boolean(n, path)
			said = !ok
		})
	})
	if !f.references && !said {
		f.warn(line, key, "is not true, so bellbuoy cannot tell an image from a chart, a signature or an SBOM: set it to true")
	}
}

// storage notes whether the registry lets anybody delete.
func (f *registryFile) storage(e entry) {
	f.visit(e, "storage", func(n *yaml.Node, path string) {
		f.only(n, path, "delete", func(n *yaml.Node, path string) {
			f.only(n, path, "enabled", func(n *yaml.Node, _ string) {
				_ = n.Decode(&f.deletes) // the registry says what is wrong with it
			})
		})
	})
}

// only visits one key of n, whose other keys are the registry's own affair.
func (f *registryFile) only(n *yaml.Node, path, key string, read func(n *yaml.Node, path string)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	before := len(f.faults)
	entries := f.entries(n, path)
	f.faults = f.faults[:before]
	for _, e := range entries {
		if e.key == key {
			f.visit(e, join(path, key), read)
		}
	}
}

// endpoint reads one endpoint. Its faults are kept apart: those of others than
// bellbuoy's are not bellbuoy's affair.
func (f *registryFile) endpoint(n *yaml.Node, path string) {
	before := len(f.faults)
	e := endpoint{Endpoint: Endpoint{Pos: Pos{f.file, n.Line}}, path: path}
	keys := f.known(n, path, endpointKeys)
	e.urlLine, e.disabledLine, e.headersLine = keys["url"].line, keys["disabled"].line, keys["headers"].line
	plain := func(key string, to *string) {
		f.visit(keys[key], join(path, key), func(n *yaml.Node, path string) {
			if f.is(n, yaml.ScalarNode, "text", path) {
				*to = n.Value
			}
		})
	}
	plain("name", &e.Name)
	plain("url", &e.url)
	f.visit(keys["disabled"], join(path, "disabled"), func(n *yaml.Node, path string) { e.disabled, _ = f.boolean(n, path) })
	f.visit(keys["headers"], join(path, "headers"), func(n *yaml.Node, path string) { e.headers = f.headers(n, path) })
	f.visit(keys["timeout"], join(path, "timeout"), f.timeout)
	f.visit(keys["backoff"], join(path, "backoff"), func(n *yaml.Node, path string) { f.length(n, path, "5s") })
	mediaType := func(i *Ignored, v string) { i.MediaType = v }
	f.visit(keys["ignoredmediatypes"], join(path, "ignoredmediatypes"), func(n *yaml.Node, path string) { f.ignored(n, path, &e, mediaType) })
	f.visit(keys["ignore"], join(path, "ignore"), func(n *yaml.Node, path string) {
		lists := f.known(n, path, ignoreKeys)
		f.visit(lists["mediatypes"], join(path, "mediatypes"), func(n *yaml.Node, path string) { f.ignored(n, path, &e, mediaType) })
		f.visit(lists["actions"], join(path, "actions"), func(n *yaml.Node, path string) {
			f.ignored(n, path, &e, func(i *Ignored, v string) { i.Action = v })
		})
	})
	e.faults = slices.Clone(f.faults[before:])
	f.faults = f.faults[:before]
	f.endpoints = append(f.endpoints, e)
}

// headers reads the headers that are added to each request, names to lists of values.
func (f *registryFile) headers(n *yaml.Node, path string) []header {
	if !f.is(n, yaml.MappingNode, "keys and values", path) {
		return nil
	}
	var list []header
	for _, e := range f.entries(n, path) {
		h := header{name: e.key, path: join(path, e.key), line: e.line}
		f.visit(e, h.path, func(n *yaml.Node, path string) {
			if n.Kind != yaml.SequenceNode { // perhaps the secret itself, so it is not quoted
				f.fault(n.Line, path, "wants a list, found "+kindOf(n)+", and so the registry does not start: put the value in brackets, as in [Bearer SECRET]")
				return
			}
			for i, one := range n.Content {
				f.visit(entry{line: one.Line, node: one}, item(path, i), func(n *yaml.Node, path string) {
					if f.is(n, yaml.ScalarNode, "text", path) {
						h.values = append(h.values, NewSecret(n.Value))
					}
				})
			}
		})
		list = append(list, h)
	}
	return list
}

// length reads a length of time as the registry does, which takes a bare number for
// nanoseconds. such is one that fits.
func (f *registryFile) length(n *yaml.Node, path, such string) (d time.Duration, ok bool) {
	if !f.is(n, yaml.ScalarNode, "a length of time", path) {
		return 0, false
	}
	if tag := n.ShortTag(); tag == "!!int" || tag == "!!float" {
		f.fault(n.Line, path, n.Value+" has no unit, and the registry takes it for nanoseconds without a word: write it with one, such as "+such)
		return 0, false
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil {
		f.fault(n.Line, path, fmt.Sprintf("%q is no length of time, and so the registry does not start: write it like %s", n.Value, such))
		return 0, false
	}
	return d, true
}

// timeout reads how long the registry waits for an answer.
func (f *registryFile) timeout(n *yaml.Node, path string) {
	// None, or less than none, is a second.
	if d, ok := f.length(n, path, "5s"); ok && d > 0 && d < time.Second {
		f.warn(n.Line, path, fmt.Sprintf("%v is short: an answer that waits for a busy disk comes later, and the registry posts the event again; write 5s", d))
	}
}

// ignored reads one of the ignore lists into e.
func (f *registryFile) ignored(n *yaml.Node, path string, e *endpoint, set func(*Ignored, string)) {
	if !f.is(n, yaml.SequenceNode, "a list", path) {
		return
	}
	for i, one := range n.Content {
		f.visit(entry{line: one.Line, node: one}, item(path, i), func(n *yaml.Node, path string) {
			if !f.is(n, yaml.ScalarNode, "text", path) {
				return
			}
			v := Ignored{Pos: Pos{f.file, n.Line}, Path: path}
			set(&v, n.Value)
			e.Ignored = append(e.Ignored, v)
			if v.Action != "" && !slices.Contains(actions, v.Action) {
				f.warn(n.Line, path, fmt.Sprintf("no event has the action %q, so this ignores nothing: %s", v.Action, Suggest(v.Action, actions)))
			}
		})
	}
}

// boolean is [walk.boolean] for the registry's YAML, where yes and on are true too.
func (f *registryFile) boolean(n *yaml.Node, path string) (b, ok bool) {
	if n.Kind == yaml.ScalarNode && n.Decode(&b) == nil {
		return b, true
	}
	return f.walk.boolean(n, path)
}

// overrides warns of variables by which the registry, where it shares this process's
// environment, would go and not by its file.
func overrides(file string, environ []string) Faults {
	const prefix = "REGISTRY_NOTIFICATIONS"
	var faults Faults
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || rest != "" && rest[0] != '_' {
			continue
		}
		f := Fault{Severity: Warning, Pos: Pos{File: file}, Path: "notifications"}
		if strings.HasPrefix(rest, "_EVENTS") {
			f.Message = "environment variable " + name + " is set here, and the registry ignores it: its name for that is " + prefix + "_EVENTCONFIG" + strings.TrimPrefix(rest, "_EVENTS")
		} else {
			f.Message = "environment variable " + name + " is set here: a registry that has it too goes by it, and bellbuoy by the file; write it into the file and unset it"
		}
		faults = append(faults, f)
	}
	return faults
}

// environ is the environment of this process.
func environ() []string {
	list := os.Environ()
	slices.Sort(list)
	return list
}
