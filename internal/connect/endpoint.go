package connect

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/config"
)

// endpointWant is the endpoint that a registry's config.yml should have.
type endpointWant struct {
	name, url string
	headers   []endpointHeader
}

type endpointHeader struct{ name, value string }

// endpoint is the one for o, with its secrets.
func (o Options) endpoint(name string) (endpointWant, error) {
	list, err := o.choose("Distribution", "{bearer: {file: PATH}}", func(a config.Auth) bool { return a.ClientCA == nil })
	if err != nil {
		return endpointWant{}, err
	}
	o.ShowSecrets = true
	w := endpointWant{name: name, url: o.url(o.pathSecret(list))}
	for _, a := range list {
		if v, ok := o.authorization(a); ok {
			w.headers = append(w.headers, endpointHeader{"Authorization", v})
		} else if a.Header != nil {
			w.headers = append(w.headers, endpointHeader{a.Header.Name, o.shown(a.Header.Value)})
		}
	}
	return w, nil
}

// lines are those of an endpoint that is new.
func (w endpointWant) lines() []string {
	list := []string{"- name: " + yamlText(w.name), "  url: " + yamlText(w.url)}
	if len(w.headers) > 0 {
		list = append(list, "  # The registry prints these in its log, and on its debug port.", "  headers:")
		for _, h := range w.headers {
			list = append(list, "    "+h.line())
		}
	}
	return append(list, "  timeout: 5s", "  threshold: 5", "  backoff: 1s")
}

func (h endpointHeader) line() string { return yamlText(h.name) + ": [" + yamlText(h.value) + "]" }

// update finds the edits that make an endpoint as it should be. What is the registry's
// choice stays: its patience and what it leaves out.
func (t *registryText) update(item *yaml.Node, w endpointWant) ([]edit, []string, error) {
	e := endpointEdit{registryText: t, item: item, want: w}
	key, v := find(item, "url")
	if v == nil || v.Value != w.url {
		e.changes = append(e.changes, "posted to another URL")
		if key == nil {
			name, _ := find(item, "name")
			e.behind(name, "url: "+yamlText(w.url))
		} else {
			e.replace(key, "url: "+yamlText(w.url)+comment(v))
		}
	}
	if key, v = find(item, "disabled"); v != nil && v.Value != "false" {
		e.changes = append(e.changes, "was disabled")
		e.replace(key, "disabled: false"+comment(v))
	}
	if key, v = find(item, "timeout"); v != nil {
		if d, err := time.ParseDuration(v.Value); err != nil || d < time.Second {
			e.changes = append(e.changes, "had a timeout of under a second, or without a unit")
			e.replace(key, "timeout: 5s"+comment(v))
		}
	}
	e.headers()
	if len(e.changes) > 0 && e.err == nil {
		e.err = block(item, yaml.MappingNode, "the endpoint")
	}
	return e.edits, e.changes, e.err
}

// comment is the one that stands behind a value.
func comment(v *yaml.Node) string {
	if v.LineComment == "" {
		return ""
	}
	return " " + v.LineComment
}

// endpointEdit is an endpoint that is being edited.
type endpointEdit struct {
	*registryText
	item    *yaml.Node
	want    endpointWant
	edits   []edit
	changes []string
	err     error // the first
}

// replace writes lines where a key and its value are.
func (e *endpointEdit) replace(key *yaml.Node, with ...string) {
	if err := block(e.item, yaml.MappingNode, "the endpoint"); err != nil {
		e.err = errors.Join(e.err, err)
		return
	}
	at := key.Line - 1
	before := string([]rune(e.lines[at])[:key.Column-1])
	if strings.Trim(before, " -") != "" {
		e.err = errors.Join(e.err, byHand("line %d has more than one key", key.Line))
		return
	}
	add := e.indented(e.item.Column-1, with...)
	add[0] = before + with[0] + e.eol
	e.edits = append(e.edits, edit{at, e.keyEnd(key) - at, add})
}

// behind writes lines behind a key and its value.
func (e *endpointEdit) behind(key *yaml.Node, add ...string) {
	e.edits = append(e.edits, edit{e.keyEnd(key), 0, e.indented(e.item.Column-1, add...)})
}

// headers sees that the headers have those wanted; others stay as they are written.
func (e *endpointEdit) headers() {
	key, headers := find(e.item, "headers")
	var missing []endpointHeader
	for _, h := range e.want.headers {
		if at, v := findHeader(headers, h.name); at == nil || v.Kind != yaml.SequenceNode || len(v.Content) != 1 || v.Content[0].Value != h.value {
			missing = append(missing, h)
		}
	}
	if len(missing) == 0 {
		return
	}
	e.changes = append(e.changes, "showed another secret")
	list := []string{"headers:"}
	if key != nil && !empty(headers) {
		if err := block(headers, yaml.MappingNode, "headers"); err != nil {
			e.err = errors.Join(e.err, err)
			return
		}
		for i := 0; i+1 < len(headers.Content); i += 2 {
			k := headers.Content[i]
			if slices.ContainsFunc(missing, func(h endpointHeader) bool { return strings.EqualFold(h.name, k.Value) }) {
				continue
			}
			for _, l := range e.lines[k.Line-1 : e.keyEnd(k)] {
				l = strings.TrimRight(l, "\r\n")
				list = append(list, "  "+l[min(len(l), k.Column-1):])
			}
		}
	}
	for _, h := range missing {
		list = append(list, "  "+h.line())
	}
	if key != nil {
		e.replace(key, list...)
		return
	}
	after, _ := find(e.item, "url")
	if after == nil {
		after, _ = find(e.item, "name")
	}
	e.behind(after, list...)
}

func findHeader(headers *yaml.Node, name string) (key, value *yaml.Node) {
	if headers == nil || headers.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(headers.Content); i += 2 {
		if http.CanonicalHeaderKey(headers.Content[i].Value) == http.CanonicalHeaderKey(name) {
			return headers.Content[i], headers.Content[i+1]
		}
	}
	return nil, nil
}
