// Package message makes the texts that people read out of events, by templates that
// the operator writes. It imports the standard library and the event model only, so
// that every sender can use it.
//
// A template is one of Go's text/template. Its dot is the event as JSON has it:
// {{.repository.full_name}}; what an event does not have is empty. Every value that is
// written goes through the escaper of the sender, whose medium it is, so that a tag or
// a user's name cannot become markup; the template's own text does not. Templates are
// the operator's and values are not to be trusted: no value becomes template text, and
// what a template may do is bounded, in its length, its loops and its output.
//
// There are if, with, range, else, break, continue and variables, and the functions
// that [Functions] names; there are no define, block and template.
package message

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// Bounds of a template and of what it may do.
const (
	MaxTemplate = 64 << 10  // bytes of the template
	MaxOutput   = 256 << 10 // bytes of a message

	maxTurns = 10_000  // of all loops together
	maxBytes = 4 << 20 // that functions make, all together
)

// Template is a template that was read. It does not change, and may be used by many
// goroutines at the same time.
type Template struct {
	parsed *template.Template
	escape func(string) string
}

// Parse reads a template, or says what is wrong with it, in lower case and with the
// line. escape makes a text harmless in the sender's medium; see [Plain].
func Parse(text string, escape func(string) string) (*Template, error) {
	if len(text) > MaxTemplate {
		return nil, fmt.Errorf("has %d bytes, at most %d are taken: make it shorter", len(text), MaxTemplate)
	}
	parsed, err := template.New(name).Funcs((&run{}).functions()).Parse(text)
	if err != nil {
		return nil, tidy(err)
	}
	if parsed.Tree == nil || len(parsed.Templates()) > 1 {
		return nil, errors.New("defines a template within itself: write all of it in one")
	}
	if err := guard(parsed.Tree); err != nil {
		return nil, err
	}
	return &Template{parsed, escape}, nil
}

// Execute makes the text for one event, which is JSON. An error is that of ctx, or the
// same each time.
func (t *Template) Execute(ctx context.Context, event json.RawMessage) (string, error) {
	data, err := decode(event)
	if err != nil {
		return "", fmt.Errorf("read the event: %w", err)
	}
	// A run counts what it does, so it has functions of its own.
	own, err := t.parsed.Clone()
	if err != nil {
		return "", fmt.Errorf("prepare the template: %w", err)
	}
	r := &run{ctx: ctx, escape: t.escape}
	var out output
	if err := own.Funcs(r.functions()).Execute(&out, data); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("make the message: %w", context.Cause(ctx))
		}
		return "", tidy(err)
	}
	return strings.ToValidUTF8(out.text.String(), "\uFFFD"), nil
}

// Line is [Template.Execute] for a title: the text on one line, without blanks around it.
func (t *Template) Line(ctx context.Context, event json.RawMessage) (string, error) {
	text, err := t.Execute(ctx, event)
	return strings.Join(strings.Fields(text), " "), err
}

// Try reads a template and makes the text for each of samples, which are events. It
// returns the first thing that is wrong.
func Try(ctx context.Context, text string, escape func(string) string, samples []json.RawMessage) error {
	t, err := Parse(text, escape)
	if err != nil {
		return err
	}
	for _, sample := range samples {
		if _, err := t.Execute(ctx, sample); err != nil {
			var about struct{ Type string }
			_ = json.Unmarshal(sample, &about) // it was read just now
			return fmt.Errorf("fails for an event of type %s: %w", about.Type, err)
		}
	}
	return nil
}

// errLarge: the output, or what is made on the way to it, is bounded.
var errLarge = fmt.Errorf("the message would be larger than %d KiB", MaxOutput>>10)

// output is the text so far, up to a bound.
type output struct{ text strings.Builder }

func (o *output) Write(b []byte) (int, error) {
	if o.text.Len()+len(b) > MaxOutput {
		return 0, errLarge
	}
	return o.text.Write(b)
}

// name is what text/template calls the template in its errors.
const name = "message"

// tidy makes an error of text/template one of ours: "line 3: ...".
func tidy(err error) error {
	if errors.Is(err, errLarge) {
		return errLarge
	}
	text := strings.TrimPrefix(err.Error(), "template: ")
	if rest, ok := strings.CutPrefix(text, name+":"); ok {
		text = "line " + rest
	}
	return errors.New(text)
}
