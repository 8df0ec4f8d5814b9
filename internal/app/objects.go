package app

import (
	"context"
	"errors"
	"fmt"
	"maps"

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
