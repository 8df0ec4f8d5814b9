package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// The bounds of what people make through the API.
const (
	maxObjects = 20_000
	maxBody    = 64 << 10 // bytes, of an object and of its note
	maxName    = 200      // bytes
)

// changeTries is how often a change is looked at again when other processes were faster.
const changeTries = 10

// objects are all that were made through the API, in the order in which they were made.
func (r *running) objects() []objects.Object {
	now := r.now.Load()
	list := make([]objects.Object, len(now.made))
	for i, m := range now.made {
		list[i] = m.shown()
	}
	return list
}

// change makes changes for by, all or none. When it returns nil they are in use: the next
// event is judged by them. The errors of package objects say why none was made; any other
// says that the store could not take them, or that they are written down and will be in use
// as soon as that is possible.
func (r *running) change(ctx context.Context, by string, changes []objects.Change) error {
	if len(changes) == 0 {
		return nil
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	for try := 1; ; try++ {
		err := r.tryChange(ctx, by, changes)
		switch {
		case err == nil:
			r.poke() // a sender of a new type may be to be started
			return nil
		case !errors.Is(err, store.ErrObjects):
			return err
		case try == changeTries:
			return fmt.Errorf("%w: others change objects all the time", store.ErrUnavailable)
		}
		if err := r.catchUp(ctx); err != nil {
			return err
		}
	}
}

// try says what is wrong with changes, as change does, and returns the rules that there would
// be. Nothing is changed.
func (r *running) try(ctx context.Context, changes []objects.Change) (*rules.Set, error) {
	_, set, err := r.prepare(ctx, r.now.Load(), changes)
	return set.rules, err
}

// prepare looks at changes to what is in use now, and returns what there would be.
func (r *running) prepare(ctx context.Context, now *live, changes []objects.Change) (_ *changing, set settings, err error) {
	keys, noKeys := sealing(now.files.config)
	b := newBeside(now.files, r.version, keys, noKeys)
	defer func() { err = errors.Join(err, b.close()) }()
	maps.Copy(b.types, now.types)
	b.last = now.rules

	all := &changing{beside: b, list: again(now.made), at: map[key]int{}}
	for i, m := range all.list {
		all.at[m.key()] = i
	}
	if err := all.take(ctx, changes); err != nil {
		return nil, set, err
	}
	if set, err = b.compose(ctx, all.result(), now.generation); err != nil {
		return nil, set, err
	}
	return all, set, all.judge(now.made, changes)
}

func (r *running) tryChange(ctx context.Context, by string, changes []objects.Change) error {
	now := r.now.Load()
	all, set, err := r.prepare(ctx, now, changes)
	if err != nil {
		return err
	}
	if err := all.seal(now.files.config.Store); err != nil {
		return err
	}
	generation, written, err := r.store.ChangeObjects(ctx, by, now.generation, all.writes)
	if err != nil {
		return err
	}
	for i, m := range all.changed {
		if m != nil {
			m.Object = written[i]
		}
	}
	set.generation = generation
	set.warnings = now.warnings
	if err := r.use(context.WithoutCancel(ctx), now.files, set); err != nil {
		r.poke()
		return fmt.Errorf("the change is written down, and not in use yet, which is tried again: %w", err)
	}
	r.tellInactive(now.made, set.made)
	return nil
}

// again copies list, so that what is known of each may become other.
func again(list []*made) []*made {
	copies := make([]made, len(list))
	out := make([]*made, len(list))
	for i, m := range list {
		copies[i] = *m
		out[i] = &copies[i]
	}
	return out
}

// catchUp puts to use what other processes have made of the objects, if they have. Its
// caller holds r.changing.
func (r *running) catchUp(ctx context.Context) error {
	now := r.now.Load()
	generation, err := r.store.ObjectsGeneration(ctx)
	if err != nil || generation == now.generation {
		return err
	}
	all, err := r.store.Objects(ctx)
	if err != nil {
		return err
	}
	set, err := r.settled(ctx, now.files, all, now.made)
	if err != nil {
		return err
	}
	set.warnings = now.warnings
	if err := r.use(ctx, now.files, set); err != nil {
		return err
	}
	r.tellInactive(now.made, set.made)
	return nil
}

// settled puts objects beside the settings of files. What is known of those in was is not
// found out again.
func (r *running) settled(ctx context.Context, files settings, all store.Objects, was []*made) (set settings, err error) {
	keys, noKeys := sealing(files.config)
	b := newBeside(files, r.version, keys, noKeys)
	defer func() { err = errors.Join(err, b.close()) }()
	known := make(map[int64]*made, len(was))
	for _, m := range was {
		known[m.Seq] = m
	}
	list := make([]*made, len(all.List))
	for i, o := range all.List {
		m := &made{Object: o}
		if old := known[o.Seq]; old != nil && old.same(o) {
			c := *old
			m, m.Object = &c, o
		}
		list[i] = m
	}
	if was != nil {
		now := r.now.Load()
		maps.Copy(b.types, now.types)
		b.last = now.rules
	}
	return b.compose(ctx, list, all.Generation)
}

// stored are the objects in use, as the store has them.
func (s settings) stored() store.Objects {
	all := store.Objects{Generation: s.generation}
	for _, m := range s.made {
		all.List = append(all.List, m.Object)
	}
	return all
}

// poke has the reloader look whether the objects in use are those that there are.
func (r *running) poke() {
	select {
	case r.behind <- struct{}{}:
	default:
	}
}

// tellInactive logs which objects are not in use any more, and which are again.
func (r *running) tellInactive(was, is []*made) {
	before := make(map[int64]string, len(was))
	for _, m := range was {
		before[m.Seq] = m.inactive
	}
	for _, m := range is {
		old, there := before[m.Seq]
		switch {
		case m.inactive == old && (there || old == ""):
		case m.inactive == "":
			r.log.Info("what was made through the API is in use again", "kind", m.Kind, "name", m.Name)
		default:
			r.log.Warn("what was made through the API is not in use", "kind", m.Kind, "name", m.Name, "why", m.inactive)
		}
	}
}

// changing is a change under way.
type changing struct {
	*beside
	list    []*made
	at      map[key]int
	changed []*made // one for each change; nil for what it deletes
	secrets []map[string]string
	writes  []store.ObjectChange
}

// result is what there will be.
func (c *changing) result() []*made {
	return slices.DeleteFunc(c.list, func(m *made) bool { return m == nil })
}

// take reads changes, and makes them in c's list.
func (c *changing) take(ctx context.Context, changes []objects.Change) error {
	seen := map[key]bool{}
	count := len(c.list)
	for _, ch := range changes {
		k := key{ch.Kind, ch.Name}
		if seen[k] {
			return invalid(ch, "", "is changed twice at once: send one change for each")
		}
		seen[k] = true
		old, err := c.old(ch)
		if err != nil {
			return err
		}
		if ch.Body == nil {
			c.delete(k, old)
			count--
			continue
		}
		m, err := c.read(ctx, ch, old)
		if err != nil {
			return err
		}
		if old == nil {
			if count++; count > maxObjects {
				return invalid(ch, "", fmt.Sprintf("there are %d objects already, which is all that there can be: delete some", maxObjects))
			}
			c.at[k] = len(c.list)
			c.list = append(c.list, m)
		} else {
			c.list[c.at[k]] = m
		}
	}
	return nil
}

// old is the object that there is for a change, nil for none; it has the version that the
// change asks for.
func (c *changing) old(ch objects.Change) (*made, error) {
	k := key{ch.Kind, ch.Name}
	var old *made
	if i, ok := c.at[k]; ok {
		old = c.list[i]
	}
	// What a file has is not to be changed here. What was made here before may be deleted.
	if pos, ok := c.owners[k]; ok && (old == nil || ch.Body != nil) {
		return nil, &objects.OwnedError{Kind: ch.Kind, Name: ch.Name, Owner: place(pos)}
	}
	switch {
	case old == nil && (ch.Version > 0 || ch.Body == nil):
		return nil, fmt.Errorf("%s %q: %w", ch.Kind, ch.Name, objects.ErrNotFound)
	case old != nil && ch.Version == 0 && ch.Body != nil:
		return nil, fmt.Errorf("%s %q: %w", ch.Kind, ch.Name, objects.ErrExists)
	case old != nil && ch.Version != objects.Any && ch.Version != old.Version:
		return nil, fmt.Errorf("%s %q: %w: it has version %d, not %d", ch.Kind, ch.Name, objects.ErrVersion, old.Version, ch.Version)
	}
	return old, nil
}

func (c *changing) delete(k key, old *made) {
	c.list[c.at[k]] = nil
	delete(c.at, k)
	c.changed, c.secrets = append(c.changed, nil), append(c.secrets, nil)
	c.writes = append(c.writes, store.ObjectChange{Kind: old.Kind, Name: old.Name, Version: old.Version, Details: details{Version: old.Version}})
}

func invalid(ch objects.Change, path, message string) error {
	return &objects.InvalidError{Kind: ch.Kind, Name: ch.Name, Faults: []objects.Fault{{Path: path, Message: message}}}
}

// details are what the audit has of a change: which parts of an object have changed, and
// nothing of what they were or are.
type details struct {
	Version int64    `json:"version"` // that came of it, or that was deleted
	Changed []string `json:"changed,omitempty"`
}

// read reads what an object is to be: it keeps the secrets that are masked, and learns what
// it means.
func (c *changing) read(ctx context.Context, ch objects.Change, old *made) (*made, error) {
	body, err := shape(ch)
	if err != nil {
		return nil, err
	}
	patterns, err := c.patterns(ctx, ch, body)
	if err != nil {
		return nil, err
	}
	fresh, err := c.unmask(ch, body, patterns, old)
	if err != nil {
		return nil, err
	}
	clear, err := objects.Write(body)
	if err != nil {
		return nil, err
	}
	m := &made{Object: store.Object{Kind: string(ch.Kind), Name: ch.Name, Note: ch.Note}}
	if old != nil {
		m.Seq, m.Version, m.Created = old.Seq, old.Version, old.Created
	}
	if err := c.learn(ctx, m, clear); err != nil {
		return nil, err
	}
	if len(m.faults) > 0 {
		return nil, &objects.InvalidError{Kind: ch.Kind, Name: ch.Name, Faults: m.faults}
	}
	secrets := objects.Hide(body, secretPlaces(ch.Kind, body, patterns))
	if m.Body, err = objects.Write(body); err != nil {
		return nil, err
	}
	if len(m.Body) > maxBody {
		return nil, invalid(ch, "", fmt.Sprintf("is larger than %d KiB: make it smaller", maxBody>>10))
	}
	c.changed, c.secrets = append(c.changed, m), append(c.secrets, secrets)
	c.writes = append(c.writes, store.ObjectChange{
		Kind: m.Kind, Name: m.Name, Body: m.Body, Note: ch.Note, Version: m.Version,
		Details: details{Version: m.Version + 1, Changed: differences(old, body, fresh)},
	})
	return m, nil
}

// shape reads the body of a change, which is an object with the change's name, and sees
// that the change is not too large.
func shape(ch objects.Change) (map[string]any, error) {
	if !slices.Contains([]objects.Kind{objects.Registry, objects.Target, objects.Rule}, ch.Kind) {
		return nil, invalid(ch, "", fmt.Sprintf("%q is no kind of object", ch.Kind))
	}
	if len(ch.Name) > maxName {
		return nil, invalid(ch, "name", fmt.Sprintf("is longer than %d letters: take a shorter one", maxName))
	}
	if len(ch.Body) > maxBody || len(ch.Note) > maxBody {
		return nil, invalid(ch, "", fmt.Sprintf("is larger than %d KiB: make it smaller", maxBody>>10))
	}
	if ch.Note != nil {
		if _, err := objects.Read(ch.Note); err != nil || !utf8.Valid(ch.Note) {
			return nil, invalid(ch, "", "its note is no JSON")
		}
	}
	// Twice given keys and the like are found before they are lost.
	if faults := misshapen(ch); len(faults) > 0 {
		return nil, &objects.InvalidError{Kind: ch.Kind, Name: ch.Name, Faults: faults}
	}
	v, err := objects.Read(ch.Body)
	if err != nil {
		return nil, invalid(ch, "", "is not JSON that can be read: "+err.Error())
	}
	body, ok := v.(map[string]any)
	if !ok {
		return nil, invalid(ch, "", `is no JSON object: write {"name": ...}`)
	}
	if name, ok := body["name"]; ok && name != ch.Name {
		return nil, invalid(ch, "name", fmt.Sprintf("is not %q, the name of what is to be changed; nothing can be renamed: make another, and delete this one", ch.Name))
	}
	body["name"] = ch.Name
	return body, nil
}

// judge says why changes cannot be made, beside all others, if so.
func (c *changing) judge(was []*made, changes []objects.Change) error {
	for i, m := range c.changed {
		switch {
		case m == nil || m.inactive == "":
		case len(m.broken) > 0:
			return &objects.InvalidError{Kind: changes[i].Kind, Name: changes[i].Name, Faults: m.broken}
		case len(m.toldBad) > 0:
			return &objects.InvalidError{Kind: changes[i].Kind, Name: changes[i].Name, Faults: m.toldBad}
		default:
			return invalid(changes[i], "", m.inactive)
		}
	}
	used := make(map[int64]bool, len(was))
	for _, m := range was {
		used[m.Seq] = m.inactive == ""
	}
	var by []string
	for _, m := range c.list {
		if m != nil && m.inactive != "" && used[m.Seq] && !slices.Contains(c.changed, m) {
			by = append(by, fmt.Sprintf("%s %s: %s", m.Kind, m.Name, m.inactive))
		}
	}
	if by == nil {
		return nil
	}
	const most = 20
	if more := len(by) - most; more > 0 {
		by = append(by[:most], fmt.Sprintf("and %d more", more))
	}
	blamed := changes[0]
	for _, ch := range changes {
		if ch.Kind != objects.Rule { // nothing goes by a rule
			blamed = ch
			break
		}
	}
	return &objects.InUseError{Kind: blamed.Kind, Name: blamed.Name, By: by}
}

// seal encrypts the secrets of what is changed. Where there is no key yet, it makes one
// beside the store.
func (c *changing) seal(path string) error {
	for i, m := range c.changed {
		if m == nil || c.secrets[i] == nil {
			continue
		}
		if !c.keys.Seals() {
			if c.noKeys != nil {
				return c.noKeys
			}
			file := keyFile(path)
			if file == "" {
				places := slices.Sorted(maps.Keys(c.secrets[i]))
				return &objects.InvalidError{Kind: m.kind(), Name: m.Name, Faults: []objects.Fault{{Path: objects.Path(places[0]),
					Message: "is a secret, and there is no key to seal it with: have secrets.key written into the configuration, which a store in PostgreSQL needs"}}}
			}
			key, err := makeKey(file)
			if err != nil {
				return err
			}
			first, err := objects.NewKeys(key)
			if err != nil {
				return err
			}
			c.keys = first.And(c.keys)
		}
		sealed, err := c.keys.Seal(m.kind(), m.Name, m.Body, c.secrets[i])
		if err != nil {
			return err
		}
		m.Sealed, c.writes[i].Sealed = sealed, sealed
	}
	return nil
}

// differences are the paths of what is other in body than in old, and of secrets that were
// given anew.
func differences(old *made, body map[string]any, fresh []string) []string {
	var was any
	if old != nil {
		was, _ = objects.Read(old.Body) // which is JSON
	}
	paths := map[string]bool{}
	for _, f := range fresh {
		paths[objects.Path(f)] = true
	}
	compare(paths, "", was, body)
	return slices.Sorted(maps.Keys(paths))
}

// compare notes the paths at which a and b are not the same; of lists, that of the list.
func compare(paths map[string]bool, at string, a, b any) {
	x, isX := a.(map[string]any)
	y, isY := b.(map[string]any)
	if !isX && !isY {
		if fmt.Sprint(a) != fmt.Sprint(b) || (a == nil) != (b == nil) {
			paths[at] = true
		}
		return
	}
	if isX && !isY && b != nil || isY && !isX && a != nil {
		paths[at] = true
		return
	}
	both := slices.Sorted(maps.Keys(x))
	for name := range y {
		if _, ok := x[name]; !ok {
			both = append(both, name)
		}
	}
	for _, name := range both {
		compare(paths, strings.TrimPrefix(at+"."+name, "."), x[name], y[name])
	}
}
