package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Try fills a JSON template in from samples, one of each type of event that may come,
// and says what is wrong; a path that finds nothing in any of them is a warning. So are
// types that the format has no message of, if there are others. Other renderings have
// nothing to try here.
func (r *Renderer) Try(samples []json.RawMessage) config.Faults {
	if len(samples) == 0 || r.Text != "" {
		return nil
	}
	var faults config.Faults
	if r.format.speaks != nil {
		if faults = r.silent(samples); faults.Failed() {
			return faults
		}
	}
	if r.template == nil {
		return faults
	}
	finds := make([]bool, len(r.template.paths))
	for _, sample := range samples {
		source, err := r.source(Input{Event: sample})
		if _, skip := errors.AsType[*Skip](err); skip {
			continue
		}
		var m Message
		if err == nil {
			m, err = r.Render(Input{Event: sample})
		}
		if err == nil && !json.Valid(m.Body) {
			err = fmt.Errorf("what comes out is not JSON")
		}
		if err == nil {
			err = r.template.mark(source.Body, finds)
		}
		if err != nil {
			return append(faults, config.Faultf("template.json", "fails for an event of type %s: %v", typeOf(sample), err))
		}
	}
	for i, found := range finds {
		if !found {
			faults = append(faults, config.Warningf("template.json",
				"%q finds nothing in any event that comes here: see the names in the JSON of %s", "${"+r.template.sources[i]+"}", r.filledFrom()))
		}
	}
	return faults
}

// filledFrom says what a template is filled in from.
func (r *Renderer) filledFrom() string {
	if r.Format == "" || r.Format == Bellbuoy {
		return "an event"
	}
	return "a message in the format " + r.Format
}

// silent names the types of which the format has no message.
func (r *Renderer) silent(samples []json.RawMessage) config.Faults {
	var silent []string
	for _, sample := range samples {
		if t := typeOf(sample); !r.format.speaks(t) {
			silent = append(silent, string(t))
		}
	}
	switch what := strings.Join(silent, ", "); {
	case silent == nil:
		return nil
	case len(silent) == len(samples):
		return config.Faults{config.Faultf("format",
			"%s has no word for any event that comes here (%s): choose another format, or other events", r.format.name, what)}
	default:
		return config.Faults{config.Warningf("format",
			"%s has no word for %s, which come here too: their deliveries end skipped", r.format.name, what)}
	}
}

// typeOf is the type of an event that is one of ours.
func typeOf(sample json.RawMessage) event.Type {
	var about struct{ Type event.Type }
	_ = json.Unmarshal(sample, &about)
	return about.Type
}

// mark sets those of finds whose paths, by their names, find something in an event.
func (t *template) mark(event json.RawMessage, finds []bool) error {
	root, err := readJSON(event)
	if err != nil {
		return err
	}
	used := 0
	for i, p := range t.paths {
		if finds[i] {
			continue
		}
		found, err := p.loose().find(root, &used)
		if err != nil {
			return err
		}
		finds[i] = len(found) > 0
	}
	return nil
}

// loose is p without regard to how many items lists have.
func (p path) loose() path {
	var all path
	for _, b := range p {
		var steps branch
		for _, s := range b {
			if s.fields == nil {
				s = step{slice: true, stride: 1, descend: s.descend}
			}
			steps = append(steps, s)
		}
		all = append(all, steps)
	}
	return all
}
