// Package byhttp makes senders that tell people of an event by one HTTP request, as most
// services want it. Its author says which options a target has and what the request for a
// message is; the package does the rest as the built-in senders do: all faults at once,
// templates of the operator's, no redirects, the guard against metadata services, bounded
// replies, masked secrets, a verdict by status.
//
// A sender that needs more implements [plugin.Sender] itself.
package byhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/templates"
)

// Type is a target type.
type Type struct {
	Name    string // as configurations have it: ntfy
	Version string
	Options []Option
	// Escape makes a text harmless in the service's markup; nil is [message.Plain], for
	// services that have none.
	Escape func(string) string
	// Request makes the request for one message. It is called from many goroutines.
	Request func(Options, Message) Request
	// Judge says what a reply means; nil goes by the status. See [plugin.Sender].
	Judge func(Reply) (plugin.Scope, error)
	// Defaults hold for targets that say nothing else.
	Defaults plugin.Defaults
}

// Option is one option of a target. Its value is a text on one line.
type Option struct {
	Name     string
	Doc      string // for people: lower case, no full stop
	URL      bool   // it is an http or https URL
	Optional bool
	Secret   bool // it is never shown
}

// Options are a target's options by name; one that was left out is "".
type Options map[string]string

// Message is what a target is told, escaped.
type Message struct {
	Title string
	Text  string // the template's, where the operator gave one
	Level message.Level
	Link  string // "" where there is none
	// Delivery is what it is made of.
	Delivery plugin.Delivery
}

// Request is an HTTP request.
type Request struct {
	Method string // "" is POST
	URL    string
	Header map[string]string // one that holds a secret option is shown as ***
	// JSON is the body as encoding/json writes it; where it is nil, Body is.
	JSON any
	Body []byte
}

// Reply is what a target answered, of its body the beginning.
type Reply = post.Reply

// ByStatus judges a reply as HTTP has it, for a Judge that looks at the body first.
func ByStatus(r Reply) (plugin.Scope, error) { return post.ByStatus(r) }

type sender struct {
	Type
	client    *post.Client
	targets   *options.Targets[target]
	templates *templates.Set
}

// New makes the sender of a type.
func New(t Type) plugin.Sender {
	if t.Escape == nil {
		t.Escape = message.Plain
	}
	if t.Judge == nil {
		t.Judge = post.ByStatus
	}
	return &sender{
		Type: t, client: post.New(t.Version),
		targets: options.NewTargets(t.table(), nil), templates: templates.New(t.Escape, t.Escape),
	}
}

// target is a target's options, read.
type target struct {
	texts map[string]*string
	urls  map[string]**url.URL
}

func (t Type) table() options.Table[target] {
	table := options.Table[target]{Of: t.Name}
	var example []string
	for _, o := range t.Options {
		f := options.Field[target]{Name: o.Name, Description: o.Doc, Secret: o.Secret, Into: o.into}
		if !o.Optional {
			f.Missing = "it is " + o.Doc
			example = append(example, o.Name+": ...")
		}
		table.Fields = append(table.Fields, f)
	}
	table.Example = "{" + strings.Join(example, ", ") + "}"
	return table
}

// into is where the option is kept.
func (o Option) into(t *target) options.Value {
	if t.texts == nil {
		t.texts, t.urls = map[string]*string{}, map[string]**url.URL{}
	}
	if o.URL {
		t.urls[o.Name] = new(*url.URL)
		return options.URL(t.urls[o.Name])
	}
	t.texts[o.Name] = new(string)
	return options.Text(t.texts[o.Name], options.Filled, options.Plain)
}

func (t *target) values() Options {
	all := Options{}
	for name, text := range t.texts {
		all[name] = *text
	}
	for name, u := range t.urls {
		if *u != nil {
			all[name] = (*u).String()
		}
	}
	return all
}

// Describe is [plugin.Sender.Describe].
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe(s.Name, s.Version, s.Defaults), nil
}

// Check is [plugin.Sender.Check].
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	_, faults := s.targets.Check(c)
	return append(faults, s.templates.Check(ctx, c)...), ctx.Err()
}

// Render is [plugin.Sender.Render].
func (s *sender) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	r, _, err := s.request(ctx, d)
	if err != nil {
		return plugin.Request{}, err
	}
	return s.client.Show(r), nil
}

// Send is [plugin.Sender.Send].
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	r, scope, err := s.request(ctx, d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	return s.client.Send(ctx, r, s.Judge)
}

// request is what is sent of d.
func (s *sender) request(ctx context.Context, d plugin.Delivery) (post.Request, plugin.Scope, error) {
	t, scope, err := s.targets.Of(d)
	if err != nil {
		return post.Request{}, scope, err
	}
	if d.Body != nil {
		return post.Request{}, plugin.ScopeMisconfigured, plugin.Permanent(fmt.Errorf(
			"target %s takes no format and no JSON template: use template.text and title, or neither", d.Target))
	}
	m, err := s.message(ctx, d)
	if err != nil {
		return post.Request{}, "", err
	}
	values := t.values()
	made := s.Type.Request(values, m)
	u, err := url.Parse(made.URL)
	if err != nil { // its text may hold a secret
		return post.Request{}, plugin.ScopeMisconfigured, errors.New("the request's URL is none: the options of the target do not fit")
	}
	r := post.Request{Method: made.Method, URL: u, Header: http.Header{}, Hidden: http.Header{}, Body: made.Body, Egress: d.Egress}
	if made.JSON != nil {
		r.Header.Set("Content-Type", "application/json")
		if r.Body, err = json.Marshal(made.JSON); err != nil {
			return post.Request{}, "", plugin.Permanent(fmt.Errorf("encode the message: %w", err))
		}
	}
	secrets := post.SecretsOf(u)
	for _, o := range s.Options {
		if o.Secret && values[o.Name] != "" {
			secrets = append(secrets, values[o.Name])
		}
	}
	for name, value := range made.Header {
		if options.Plain(name) != "" || options.Plain(value) != "" {
			return post.Request{}, "", plugin.Permanent(fmt.Errorf("the header %q would hold a control character", name))
		}
		into := r.Header
		if credentials(name) { // whatever it is made of
			secrets = append(secrets, value)
			into = r.Hidden
		}
		for _, secret := range secrets {
			if strings.Contains(value, secret) && secret != "" {
				into = r.Hidden
			}
		}
		into.Set(name, value)
	}
	r.Mask = post.NewMask(secrets...)
	return r, "", nil
}

// credentials reports whether a header of that name says who is sending.
func credentials(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Proxy-Authorization", "Cookie":
		return true
	}
	return false
}
