package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

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
