package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

// made is one object that people made through the API, and what it means beside the
// configuration's files. It does not change once it is in use.
type made struct {
	store.Object

	// What is known of it by itself.
	known  bool // the rest is; else it is to be found out
	is     *config.Made
	faults []objects.Fault
	send   delivery.Target // of a target

	// What is known of it beside all others.
	told     []string // of a rule: what its messages were found to be good for
	toldBad  []objects.Fault
	broken   []objects.Fault // what it refers to is not there
	owned    bool            // a file, or the default configuration, has its name
	owner    string          // FILE:LINE of that
	inactive string          // why it is not used
}

func (m *made) kind() objects.Kind { return objects.Kind(m.Kind) }

// key names an object among all.
type key struct {
	kind objects.Kind
	name string
}

func (m *made) key() key { return key{m.kind(), m.Name} }

// same reports whether m is o, so that what is known of m is known of it.
func (m *made) same(o store.Object) bool {
	return m.Seq == o.Seq && m.Version == o.Version && string(m.Body) == string(o.Body) && string(m.Sealed) == string(o.Sealed)
}

// shown is m as the API tells it.
func (m *made) shown() objects.Object {
	return objects.Object{
		Kind: m.kind(), Name: m.Name, Body: m.Body, Note: m.Note, Version: m.Version,
		Created: m.Created, Changed: m.Changed, By: m.By, Inactive: m.inactive, Owner: m.owner,
	}
}

// beside puts objects beside the settings of files.
type beside struct {
	files    settings
	beyond   *config.Beyond
	senders  *checkers
	types    map[string]plugin.Description
	messages messageChecker
	keys     objects.Keys
	noKeys   error // why there are none
	owners   map[key]config.Pos
	last     *rules.Set // in use so far; may be nil
}

func newBeside(files settings, version string, keys objects.Keys, noKeys error) *beside {
	b := &beside{
		files: files, beyond: files.config.Beyond(Known()), senders: &checkers{version: version, files: files.plugins},
		types: map[string]plugin.Description{}, messages: newMessageChecker(), keys: keys, noKeys: noKeys,
		owners: map[key]config.Pos{},
	}
	for typ, d := range files.types {
		b.types[typ] = d
	}
	for _, r := range files.config.Registries {
		b.owners[key{objects.Registry, r.Name}] = r.Pos
	}
	for _, t := range files.config.Targets {
		b.owners[key{objects.Target, t.Name}] = t.Pos
	}
	for _, r := range files.config.Rules {
		b.owners[key{objects.Rule, r.Name}] = r.Pos
	}
	return b
}

// close ends the senders that were asked.
func (b *beside) close() error { return b.senders.close() }

// compose makes the settings of the files and of list. Each of list that cannot be used is
// left out, and says why. Nothing that is said of a file's own objects changes by list: those
// do not refer to it. list is what is shown of it from here on; what is known already is not
// asked again.
func (b *beside) compose(ctx context.Context, list []*made, generation int64) (settings, error) {
	set := b.files
	set.made, set.generation = list, generation
	registries, targets, byName := b.names()
	for _, m := range list {
		if m.kind() == objects.Rule {
			continue
		}
		if err := b.settle(ctx, m); err != nil {
			return set, err
		}
		if m.inactive != "" {
			continue
		}
		if m.kind() == objects.Registry {
			registries = append(registries, m.Name)
		} else {
			targets = append(targets, m.Name)
			byName[m.Name] = m.is.Target
		}
	}
	b.beyond.Refer(registries, targets)
	unused := map[key]*made{}
	for _, m := range list {
		if m.inactive != "" {
			unused[m.key()] = m
		}
	}
	for _, m := range list {
		if m.kind() != objects.Rule {
			continue
		}
		if err := b.settle(ctx, m); err != nil {
			return set, err
		}
		if m.inactive == "" {
			if err := b.refer(ctx, m, byName, unused); err != nil {
				return set, err
			}
		}
	}
	var used []*config.Made
	set.sends = maps.Clone(b.files.sends)
	if set.sends == nil {
		set.sends = map[string]delivery.Target{}
	}
	for _, m := range list {
		if m.inactive == "" {
			used = append(used, m.is)
			if m.kind() == objects.Target {
				set.sends[m.Name] = m.send
			}
		}
	}
	set.types = b.types
	if len(used) == 0 {
		return set, nil
	}
	set.config = b.files.config.With(used)
	compiled, faults := b.last.Next(set.config.Rules)
	if err := faults.Err(); err != nil {
		return set, fmt.Errorf("compile rules, each of which is good by itself: %w", err)
	}
	set.rules = compiled
	return set, nil
}

// names are those that the files have.
func (b *beside) names() (registries, targets []string, byName map[string]*config.Target) {
	c := b.files.config
	byName = make(map[string]*config.Target, len(c.Targets))
	for _, r := range c.Registries {
		registries = append(registries, r.Name)
	}
	for i, t := range c.Targets {
		targets = append(targets, t.Name)
		byName[t.Name] = &c.Targets[i]
	}
	return registries, targets, byName
}

// settle finds out whether m can be used, as far as that is not up to others.
func (b *beside) settle(ctx context.Context, m *made) error {
	m.owned, m.owner, m.inactive, m.broken = false, "", "", nil
	if !m.known {
		if err := b.learn(ctx, m, nil); err != nil {
			return err
		}
	}
	if pos, ok := b.owners[m.key()]; ok {
		m.owned, m.owner = true, place(pos)
		m.inactive = fmt.Sprintf("%s has a %s of this name, which goes before: remove that there, or delete this one", orDefault(m.owner), m.Kind)
		return nil
	}
	m.inactive = faultLine(m.faults)
	return nil
}

func place(p config.Pos) string {
	if p.File == "" {
		return ""
	}
	return p.String()
}

func orDefault(owner string) string {
	if owner == "" {
		return "what bellbuoy has without a configuration"
	}
	return owner
}

// faultLine is what faults say, in one line.
func faultLine(faults []objects.Fault) string {
	var lines []string
	for _, f := range faults {
		if f.Path != "" {
			lines = append(lines, f.Path+": "+f.Message)
		} else {
			lines = append(lines, f.Message)
		}
	}
	return strings.Join(lines, "; ")
}

// learn finds out what m means and what is wrong with it by itself. body is it with its
// secrets in clear; nil: they are to be opened.
func (b *beside) learn(ctx context.Context, m *made, body []byte) error {
	m.known, m.is, m.faults, m.told = true, nil, nil, nil
	if body == nil {
		var err error
		if body, err = b.open(m.Object); err != nil {
			m.faults = []objects.Fault{{Message: err.Error()}}
			return nil
		}
	}
	is, faults := config.Make(m.Kind, body)
	m.is = is
	if !faults.Failed() {
		faults = append(faults, b.beyond.Check(is)...)
	}
	m.blame(faults)
	if len(m.faults) > 0 {
		return nil
	}
	switch {
	case is.Rule != nil:
		_, faults := rules.Compile([]config.Rule{*is.Rule})
		for i := range faults {
			faults[i].Path = strings.TrimPrefix(strings.TrimPrefix(faults[i].Path, "rules[0]"), ".")
		}
		m.blame(faults)
	case is.Registry != nil:
		b.learnRegistry(m)
	case is.Target != nil:
		return b.learnTarget(ctx, m)
	}
	return nil
}

// blame notes those of faults that are more than warnings.
func (m *made) blame(faults config.Faults) {
	for _, f := range faults {
		if f.Severity == config.Error {
			m.faults = append(m.faults, objects.Fault{Path: f.Path, Message: f.Message})
		}
	}
}

// open returns the body of o with its secrets in clear.
func (b *beside) open(o store.Object) ([]byte, error) {
	if o.Sealed == nil {
		return o.Body, nil
	}
	const again = "its secrets cannot be opened, and must be given again: "
	secrets, err := b.keys.Open(objects.Kind(o.Kind), o.Name, o.Body, o.Sealed)
	switch {
	case err != nil && b.noKeys != nil:
		return nil, fmt.Errorf("%s%w", again, b.noKeys)
	case err != nil && b.keys.Empty():
		return nil, errors.New(again + "the key is gone that sealed them")
	case err != nil:
		return nil, errors.New(again + "they were sealed with another key, or are not what was sealed")
	}
	body, err := objects.Read(o.Body)
	if err == nil {
		err = objects.Show(body, secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("%s%w", again, err)
	}
	return objects.Write(body)
}

// sender returns what serves a target type and says what it is; why says that it does not
// answer, or that there is none.
func (b *beside) sender(ctx context.Context, typ string) (sender plugin.Sender, d plugin.Description, why string, err error) {
	sender, ok, err := b.senders.sender(typ, b.files.config.Store)
	if err != nil {
		return nil, d, "", err
	}
	if !ok {
		return nil, d, fmt.Sprintf("there is no sender of type %q", typ), nil
	}
	if d, ok = b.types[typ]; ok {
		return sender, d, "", nil
	}
	d, err = sender.Describe(ctx)
	if ctx.Err() != nil {
		return nil, d, "", ctx.Err()
	}
	if err != nil {
		if b.senders.host == nil {
			return nil, d, "its sender does not say what it is: " + err.Error(), nil
		}
		return nil, d, b.senders.notAsked(0, typ, err).Message, nil
	}
	if _, found := render.Compile(render.Rendering{Format: d.Defaults.Format}); found != nil {
		return nil, d, fmt.Sprintf("its sender asks for messages in a format that this bellbuoy does not have, %q", d.Defaults.Format), nil
	}
	b.types[typ] = d
	return sender, d, "", nil
}

// egress is what targets may connect to that were made through the API.
func (s settings) egress() plugin.Egress {
	return plugin.Egress{Restricted: true, Allow: s.config.Egress.Networks()}
}

// ready returns settings of files with what is made of them once, and not with each change
// of the objects beside them.
func (s settings) ready() settings {
	s.sends = s.targets()
	s.guard = &lookup.Guard{Control: senders.Control(s.egress())}
	return s
}

// learnRegistry finds fault with a registry that is asked where nobody may ask.
func (b *beside) learnRegistry(m *made) {
	r := m.is.Registry
	u, err := url.Parse(r.URL)
	if err != nil || !r.Lookup {
		return // which was looked at, or is not asked
	}
	if err := senders.CheckHost(b.files.egress(), u.Hostname()); err != nil {
		m.faults = append(m.faults, objects.Fault{Path: "url", Message: err.Error()})
	}
}

// learnTarget has the options and the messages of a target checked by its sender.
func (b *beside) learnTarget(ctx context.Context, m *made) error {
	t := m.is.Target
	sender, d, why, err := b.sender(ctx, t.Type)
	if err != nil {
		return err
	}
	egress := b.files.egress()
	if t.Type == mailType {
		var filled bool
		if t.Options, filled = b.files.config.Mail.Fill(t.Options); filled {
			egress = plugin.Egress{} // it goes where the file says
		}
	}
	if why != "" {
		m.faults, m.known = []objects.Fault{{Path: "type", Message: why}}, false // it may answer another time
		return nil
	}
	found, err := sender.Check(ctx, plugin.Check{Options: t.Options, Egress: egress})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.faults, m.known = []objects.Fault{{Path: "type", Message: "its sender did not look at the options: " + err.Error()}}, false
		return nil
	}
	for _, f := range found {
		if !f.Warning {
			path := "options"
			if f.Path != "" {
				path += "." + f.Path
			}
			m.faults = append(m.faults, objects.Fault{Path: path, Message: f.Message})
		}
	}
	if says := render.Of(t.Message); says != (render.Rendering{}) {
		faults, err := b.say(ctx, sender, &said{typ: t.Type, says: says})
		if err != nil {
			return err
		}
		m.faults = append(m.faults, faults...)
	}
	set := settings{types: map[string]plugin.Description{t.Type: d}}
	m.send = set.sending(*t)
	m.send.Egress = egress
	return nil
}
