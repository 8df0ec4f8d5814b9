package app

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/host"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

// When a changed file is read.
const (
	quiet     = 200 * time.Millisecond // after the last change: an editor writes more than once
	restless  = 2 * time.Second        // after the first, where they do not end
	tryAgain  = 5 * time.Second        // after the store could not take it
	lookEvery = 30 * time.Second       // at all files, for what no event tells

	objectsEvery = 3 * time.Second // at what other processes have made of the objects, where none tells
)

// reloader reads the configuration again when its files change, or when it is told to.
type reloader struct {
	*running
	files   Files
	told    <-chan os.Signal // to look now
	senders *host.Host

	warming sync.WaitGroup
	warmed  map[string]bool // senders that were started, or are being

	seen  []config.Read // what was read last, good or bad
	again bool          // the last look is to be repeated: the store could not take it
	torn  bool          // some parts have heard of a configuration that is not in use
	late  bool          // objects of other processes could not be put to use
}

// run reloads until ctx ends.
func (r *reloader) run(ctx context.Context) {
	defer r.warming.Wait()
	r.warm(ctx)
	r.seen = r.now.Load().config.Reads()
	w := newWatch(r.log, r.store.Path())
	defer w.close()
	regularly := time.NewTicker(lookEvery)
	defer regularly.Stop()
	var others <-chan time.Time // to look what other processes have made of the objects
	if r.store.Shared() {
		tick := time.NewTicker(objectsEvery)
		defer tick.Stop()
		others = tick.C
	}
	var retry <-chan time.Time
	for {
		// What changed before its folder was watched is seen now.
		for tries := 0; tries < maxLinks && w.follow(r.seen); tries++ {
			r.look(ctx, false)
		}
		if retry = nil; r.again || r.late {
			retry = time.After(tryAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.told:
			r.look(ctx, true)
		case <-w.changed:
			if w.settle(ctx) {
				r.look(ctx, false)
			}
		case <-retry:
			r.look(ctx, false)
			r.takeIn(ctx)
		case <-r.behind:
			r.takeIn(ctx)
		case <-r.store.ObjectsChanged():
			r.takeIn(ctx)
		case <-others:
			r.takeIn(ctx)
		case <-regularly.C:
			r.look(ctx, false)
			r.rest(time.Now())
		}
	}
}

// look reads the configuration again if something in its files has changed. What is
// found is logged once; asked says that somebody waits for an answer in any case.
func (r *reloader) look(ctx context.Context, asked bool) {
	if !r.again && !slices.ContainsFunc(r.seen, config.Read.Changed) && !(asked && len(r.seen) == 0) {
		if asked {
			r.log.Info("nothing in the configuration's files has changed", "good", r.failed.Load() == nil)
		}
		return
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	old := r.now.Load()
	files, faults, err := load(ctx, r.files, r.version)
	if ctx.Err() != nil {
		return
	}
	known := r.again && slices.Equal(r.seen, files.config.Reads())
	r.seen = files.config.Reads()
	if err == nil {
		faults = faults.Merge(files.config.KeepFixed(old.config))
		err = faults.Err()
	}
	if err != nil {
		if !faults.Failed() { // it is about none of the keys
			faults = append(faults, config.Fault{Pos: config.Pos{File: files.file}, Message: err.Error()})
		}
		if !known {
			r.fail(faults)
		}
		// All parts are to go by the one that stays, if they do not.
		r.torn = r.torn && r.use(ctx, old.files, old.settings) != nil
		r.again = r.torn
		return
	}
	if !r.torn && slices.Equal(r.seen, old.config.Reads()) {
		r.again = false
		if r.failed.Swap(nil) != nil {
			r.log.Info("the configuration's files are again as they were; what is in use stays", "config", old.file)
		}
		r.renew(ctx, old.files, files) // a plugin's file may have been another meanwhile
		return
	}
	files.warnings = faults
	files = files.ready()
	set, err := r.settled(ctx, files, old.stored(), nil)
	if err == nil {
		err = r.use(ctx, files, set)
	}
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		r.again, r.torn = true, true
		if !known {
			r.fail(config.Faults{{Pos: config.Pos{File: set.file}, Message: "is good and cannot be used yet: " + err.Error()}})
		}
		return
	}
	r.again, r.torn = false, false
	r.failed.Store(nil)
	for _, f := range faults {
		r.log.Warn("config", "fault", f.String())
	}
	r.log.Info("the configuration was read again and is in use", "config", set.file, "registries", len(set.config.Registries),
		"targets", len(set.config.Targets), "rules", len(set.config.Rules), "hash", set.rules.Hash())
	r.tellInactive(old.made, set.made)
	r.renew(ctx, old.settings, set)
	r.warm(ctx)
}

// takeIn puts to use what the objects of the API are now, where that is not in use: another
// process has changed them, or this one could not go on after it had.
func (r *reloader) takeIn(ctx context.Context) {
	r.changing.Lock()
	err := r.catchUp(ctx)
	r.changing.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err != nil && !r.late {
		r.log.Error("what was made through the API cannot be put to use yet", "error", err)
	}
	if r.late = err != nil; !r.late {
		r.warm(ctx)
	}
}

// renew has senders run anew whose file is another now, or that are down, since what was
// wrong with them may have been mended.
func (r *reloader) renew(ctx context.Context, old, set settings) {
	for typ, file := range set.plugins {
		if old.plugins[typ] == file && !r.senders.Rests(typ) {
			continue
		}
		r.warming.Go(func() {
			if err := r.senders.Renew(ctx, typ); err != nil && ctx.Err() == nil {
				r.log.Error("start sender anew", "type", typ, "error", err)
			}
		})
	}
}

// fail notes that a reload has changed nothing, and why.
func (r *reloader) fail(faults config.Faults) {
	r.failed.Store(&failure{at: time.Now().UTC(), faults: faults})
	var said []string
	for _, f := range faults {
		if f.Severity == config.Error {
			said = append(said, f.String())
		}
	}
	const most = 20 // of a file of ten thousand rules
	more := max(0, len(said)-most)
	r.log.Error("the configuration has changed and cannot be used; the last good one stays", "faults", said[:len(said)-more], "more", more)
}

// warm starts the senders of the types in use, so that the first event does not wait
// for it. One that cannot be started is tried again by the first delivery.
func (r *reloader) warm(ctx context.Context) {
	for typ := range r.now.Load().types {
		if r.warmed[typ] || senders.InProcess(typ) {
			continue
		}
		r.warmed[typ] = true
		r.warming.Go(func() {
			if _, err := r.senders.Sender(typ).Describe(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("start sender", "type", typ, "error", err)
			}
		})
	}
}
