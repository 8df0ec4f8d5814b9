package app

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// secretsOfRegistries names what is secret in a registry, as [objects.Places] reads it.
func secretsOfRegistries() []string {
	list := []string{"credentials.password"}
	for _, kind := range []string{"bearer", "path", "basic.password", "header.value"} {
		list = append(list, "auth."+kind, "auth.*."+kind)
	}
	return list
}

// patterns names what is secret in the body of a change.
func (c *changing) patterns(ctx context.Context, ch objects.Change, body map[string]any) ([]string, error) {
	switch ch.Kind {
	case objects.Registry:
		return secretsOfRegistries(), nil
	case objects.Rule:
		return nil, nil
	}
	typ, _ := body["type"].(string)
	_, d, why, err := c.sender(ctx, typ)
	if err != nil || why != "" {
		return nil, err // why is said when the target is looked at
	}
	var list []string
	for _, p := range d.Secrets {
		list = append(list, "options."+p)
	}
	return list, nil
}

// secretPlaces are the places of the secrets in a body, and of the masks of such.
func secretPlaces(kind objects.Kind, body map[string]any, patterns []string) []string {
	places := objects.Places(body, patterns)
	if kind == objects.Target {
		places = append(places, objects.Bearing(body, "options")...)
		slices.Sort(places)
	}
	return slices.Compact(places)
}

// bound are the parts of an object that a secret goes with: where one of them is another,
// the secret would go somewhere else, or for something else, than whoever gave it knew.
func bound(kind objects.Kind, secret string) []string {
	switch {
	case kind == objects.Target:
		return []string{"type", "options"}
	case strings.HasPrefix(secret, "/auth/"):
		return []string{"auth"}
	}
	return []string{"type", "url", "credentials"}
}

// unmask puts the secrets into body that are masked there, where they may be kept, and
// returns the places of those that were given.
func (c *changing) unmask(ch objects.Change, body map[string]any, patterns []string, old *made) (fresh []string, err error) {
	var before map[string]any
	var kept map[string]string
	if old != nil {
		v, err := objects.Read(old.Body)
		if err != nil {
			return nil, err
		}
		before, _ = v.(map[string]any)
	}
	var faults []objects.Fault
	keep := map[string]string{}
	for _, at := range secretPlaces(ch.Kind, body, patterns) {
		shown, _ := objects.At(body, at)
		if !objects.IsMask(shown) {
			fresh = append(fresh, at)
			continue
		}
		fault := func(message string, args ...any) {
			faults = append(faults, objects.Fault{Path: objects.Path(at), Message: fmt.Sprintf(message, args...)})
		}
		was, _ := objects.At(before, at)
		parts := bound(ch.Kind, at)
		differs := slices.IndexFunc(parts, func(part string) bool { return !reflect.DeepEqual(before[part], body[part]) })
		switch {
		case was != shown:
			fault("is the mask under which secrets are shown, and there is none to keep here: give the secret itself")
			continue
		case differs >= 0:
			fault("is the mask under which secrets are shown; a secret is kept only while nothing else in %s is changed: give it again", strings.Join(parts, ", "))
			continue
		}
		if kept == nil {
			if kept, err = c.kept(old); err != nil {
				fault("%v", err)
				continue
			}
		}
		secret, ok := kept[at]
		if !ok {
			fault("is the mask under which secrets are shown, and there is none to keep here: give the secret itself")
			continue
		}
		keep[at] = secret
	}
	if faults != nil {
		return nil, &objects.InvalidError{Kind: ch.Kind, Name: ch.Name, Faults: faults}
	}
	return fresh, objects.Show(body, keep)
}

// kept are the secrets that an object has.
func (b *beside) kept(m *made) (map[string]string, error) {
	if m.Sealed == nil {
		return map[string]string{}, nil
	}
	if _, err := b.open(m.Object); err != nil {
		return nil, err
	}
	return b.keys.Open(m.kind(), m.Name, m.Body, m.Sealed)
}

// misshapen finds what is wrong with the shape of a change, before anything is made of it.
// A secret may be a mask there.
func misshapen(ch objects.Change) []objects.Fault {
	_, faults := config.Make(string(ch.Kind), ch.Body)
	var m made
	m.blame(faults)
	// The name may be left out, since the change has it.
	return slices.DeleteFunc(m.faults, func(f objects.Fault) bool { return f.Path == "name" && strings.HasPrefix(f.Message, "is missing") })
}
