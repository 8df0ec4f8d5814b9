package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"

	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// patchTries is how often a patch is made again when others were faster.
const patchTries = 5

// change makes one change, or finds out whether it could be made, and answers with what there
// is then.
func (s *server) change(ctx context.Context, c collection, how Changing, ch objects.Change) (*objectReply, error) {
	by, err := who(ctx, how.By)
	if err != nil {
		return nil, err
	}
	if s.Change == nil || s.Try == nil {
		return nil, noChange()
	}
	if how.DryRun {
		if _, err := s.Try(ctx, []objects.Change{ch}); err != nil {
			return nil, err
		}
		return &objectReply{Status: http.StatusOK, Body: objectPage{Kind: c.kind, Name: ch.Name, Object: json.RawMessage("null"), DryRun: true}}, nil
	}
	// A caller that hangs up leaves no half of it behind.
	if err := s.Change(context.WithoutCancel(ctx), by, []objects.Change{ch}); err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "object changed", "kind", c.kind, "name", ch.Name, "deleted", ch.Body == nil, "by", by)
	if ch.Body == nil {
		return &objectReply{Status: http.StatusOK, Body: objectPage{Kind: c.kind, Name: ch.Name}}, nil
	}
	return s.reply(c, ch.Name)
}

// making asks for an object that is not there yet.
type making struct {
	Changing
	Body json.RawMessage
}

// replacing asks for an object to be changed, or to be made.
type replacing struct {
	ByName
	Match
	making
}

// create makes one that is not there yet.
func (s *server) create(c collection) func(context.Context, *making) (*objectReply, error) {
	return func(ctx context.Context, in *making) (*objectReply, error) {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(in.Body, &named); err != nil {
			return nil, problemf(http.StatusBadRequest, "the request is no JSON object that is understood here: %v", err)
		}
		if named.Name == "" {
			return nil, wrong("name", "is missing: it is what the %s is called", c.kind)
		}
		out, err := s.change(ctx, c, in.Changing, objects.Change{Kind: c.kind, Name: named.Name, Body: in.Body})
		return made201(c, out, err)
	}
}

// made201 says that an object was made.
func made201(c collection, out *objectReply, err error) (*objectReply, error) {
	if err == nil && !out.Body.DryRun {
		out.Status, out.Location = http.StatusCreated, c.path(out.Body.Name)
	}
	return out, err
}

// put puts one in the place of another, or makes it.
func (s *server) put(c collection) func(context.Context, *replacing) (*objectReply, error) {
	return func(ctx context.Context, in *replacing) (*objectReply, error) {
		is, _ := s.madeHere(c.kind, in.Name)
		version, err := in.version(is.Version)
		if err != nil {
			return nil, err
		}
		out, err := s.change(ctx, c, in.Changing, objects.Change{Kind: c.kind, Name: in.Name, Body: in.Body, Version: version})
		if is.Version == 0 {
			return made201(c, out, err)
		}
		return out, err
	}
}

// patch changes parts of one.
func (s *server) patch(c collection) func(context.Context, *replacing) (*objectReply, error) {
	return func(ctx context.Context, in *replacing) (*objectReply, error) {
		patch, err := objects.Read(in.Body)
		if _, ok := patch.(map[string]any); err != nil || !ok {
			return nil, problemf(http.StatusBadRequest, "the request is no JSON object with what is to be changed")
		}
		return s.merge(ctx, c, in.Name, in.Match, in.Changing, patch)
	}
}

// turning asks for a rule to be enabled or disabled.
type turning struct {
	ByName
	Match
	Body ByRequest
}

// turn enables or disables a rule.
func (s *server) turn(c collection, enabled bool) func(context.Context, *turning) (*objectReply, error) {
	return func(ctx context.Context, in *turning) (*objectReply, error) {
		return s.merge(ctx, c, in.Name, in.Match, Changing{By: in.Body.By}, map[string]any{"enabled": enabled})
	}
}

// merge makes a patch of what there is. Where somebody else has changed that meanwhile, and
// it was not asked that nobody has, it is made of what is there then.
func (s *server) merge(ctx context.Context, c collection, name string, match Match, how Changing, patch any) (*objectReply, error) {
	for try := 1; ; try++ {
		is, err := s.toChange(c, name)
		if err != nil {
			return nil, err
		}
		if _, err := match.version(is.Version); err != nil {
			return nil, err
		}
		before, err := objects.Read(is.Body)
		if err != nil {
			return nil, err
		}
		after := merged(before, patch)
		if reflect.DeepEqual(before, after) && !how.DryRun {
			return s.reply(c, name)
		}
		body, err := objects.Write(after)
		if err != nil {
			return nil, err
		}
		out, err := s.change(ctx, c, how, objects.Change{Kind: c.kind, Name: name, Body: body, Version: is.Version})
		if errors.Is(err, objects.ErrVersion) && match == (Match{}) && try < patchTries {
			continue
		}
		return out, err
	}
}

// merged is v with a JSON merge patch (RFC 7396) made to it; v itself stays what it is.
func merged(v, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := map[string]any{}
	if before, ok := v.(map[string]any); ok {
		for key, value := range before {
			out[key] = value
		}
	}
	for key, value := range changes {
		if value == nil {
			delete(out, key)
		} else {
			out[key] = merged(out[key], value)
		}
	}
	return out
}

// toChange returns what was made through the API under a name; the error says why there is
// nothing to be changed.
func (s *server) toChange(c collection, name string) (objects.Object, error) {
	if w, ok := s.written(c.kind, name); ok {
		owned := &objects.OwnedError{Kind: c.kind, Name: name}
		if w.Source != nil {
			owned.Owner = w.Source.String()
		}
		return objects.Object{}, owned
	}
	if is, ok := s.madeHere(c.kind, name); ok {
		return is, nil
	}
	return objects.Object{}, s.none(c, name)
}

// removing asks for an object to be deleted.
type removing struct {
	ByName
	Match
	Changing
}

// remove deletes one.
func (s *server) remove(c collection) func(context.Context, *removing) (*struct{}, error) {
	return func(ctx context.Context, in *removing) (*struct{}, error) {
		is, here := s.madeHere(c.kind, in.Name)
		if !here { // what was made here may be deleted though a file has its name
			_, err := s.toChange(c, in.Name)
			return nil, err
		}
		version, err := in.version(is.Version)
		if err != nil {
			return nil, err
		}
		_, err = s.change(ctx, c, in.Changing, objects.Change{Kind: c.kind, Name: in.Name, Version: version})
		return nil, err
	}
}

// noChange is the answer of a server that has nothing to change.
func noChange() error {
	return problemf(http.StatusServiceUnavailable, "nothing can be changed here: there is no configuration beside which it would be")
}
