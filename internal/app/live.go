package app

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/intake"
	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/host"
)

// lookupRest is how long a lookup that no plan names any more may still be asked by what
// began under an older plan: a request has 20 seconds, and what it holds two more.
const lookupRest = 30 * time.Second

// live is the configuration that is in use. A reload replaces it; nobody changes it.
type live struct {
	settings          // of the files and of the objects of the API
	files    settings // of the files alone
	asked    lookups
	loaded   time.Time
}

// running holds what is in use, for those who ask for it again each time.
type running struct {
	store   *store.Store
	in      *intake.Handler
	guard   *access.Guard // of the admin listener
	log     *slog.Logger
	version string

	now atomic.Pointer[live]
	// targets are what delivery goes by: while a reload is under way, those of both
	// configurations.
	targets atomic.Pointer[map[string]delivery.Target]
	failed  atomic.Pointer[failure] // the last reload, where it failed

	// changing is held by who puts another configuration to use: a reload, or a change
	// through the API.
	changing sync.Mutex
	behind   chan struct{} // objects are written down that are not in use
	mailing  chan struct{} // a link may be to be mailed

	heard heard

	mu      sync.Mutex
	retired []retired
}

// retired is a lookup that is not used by new requests any more.
type retired struct {
	source *lookup.Source
	at     time.Time
}

// begin makes set the first configuration in use.
func (r *running) begin(ctx context.Context, files settings) error {
	if err := r.heard.begin(ctx, r.store.LastHeard); err != nil {
		return err
	}
	all, err := r.store.Objects(ctx)
	if err != nil {
		return err
	}
	files = files.ready()
	set, err := r.settled(ctx, files, all, nil)
	if err != nil {
		return err
	}
	r.tellInactive(nil, set.made)
	if set.unverified, err = r.verification(ctx, set); err != nil {
		return err
	}
	asked, err := set.lookups(nil, r.version, r.log)
	if err != nil {
		return err
	}
	targets := set.targets()
	r.targets.Store(&targets)
	r.now.Store(&live{settings: set, files: files, asked: asked, loaded: time.Now().UTC()})
	r.guard.Use(files.config.Admin)
	if err := r.store.Targets(ctx, set.kept()); err != nil {
		return err
	}
	r.store.Keep(set.retention())
	r.in, err = intake.New(ctx, r.store, set.plan(asked), r.log)
	return err
}

// use puts set in the place of what is in use. At no moment is an event routed to a
// target that the store takes for one of the config and delivery does not know:
//
//  1. the rules are written down, to which stored events refer;
//  2. delivery knows the old targets and the new ones, with their new options;
//  3. the store parks what is for targets that are gone, and releases what waited for
//     those that return. What the old plan still plans for a target that is gone is
//     parked as it is written;
//  4. the intake goes by the new plan;
//  5. delivery forgets the old targets, and gives back what it holds for them.
//
// files are set without the objects of the API. On an error some of this has been done.
// Nothing is lost by that; the whole is to be done again. Its caller holds r.changing.
func (r *running) use(ctx context.Context, files, set settings) error {
	if err := r.store.PutRuleSet(ctx, set.rules.Hash(), set.rules.Source()); err != nil {
		return err
	}
	old := r.now.Load()
	var err error
	if set.unverified, err = r.verification(ctx, set); err != nil {
		return err
	}
	asked, err := set.lookups(old.asked, r.version, r.log)
	if err != nil {
		return err
	}
	both, targets := maps.Clone(*r.targets.Load()), set.targets()
	maps.Copy(both, targets)
	r.targets.Store(&both)
	if err = r.store.Targets(ctx, set.kept()); err == nil {
		err = r.in.Use(ctx, set.plan(asked))
	}
	if err != nil {
		asked.without(old.asked).close() // no plan has had them
		return err
	}
	r.targets.Store(&targets)
	r.store.Keep(set.retention())
	loaded := time.Now().UTC()
	if files.config == old.files.config {
		loaded = old.loaded // of the files
	} else {
		r.guard.Use(files.config.Admin)
	}
	r.now.Store(&live{settings: set, files: files, asked: asked, loaded: loaded})
	r.retire(old.asked.without(asked))
	return nil
}

func (r *running) target(name string) (delivery.Target, bool) {
	t, ok := (*r.targets.Load())[name]
	return t, ok
}

// plugin is the file that serves a target type, where it is not built in. It may be asked
// before there is a configuration.
func (r *running) plugin(typ string) (host.File, bool) {
	now := r.now.Load()
	if now == nil {
		return host.File{}, false
	}
	f, ok := now.plugins[typ]
	return f, ok
}

func (r *running) rules() *rules.Set { return r.now.Load().rules }

func (r *running) retire(old lookups) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range old {
		r.retired = append(r.retired, retired{a.source, time.Now()})
	}
}

// rest closes the lookups that were retired so long ago that nobody asks them.
func (r *running) rest(now time.Time) {
	r.mu.Lock()
	var over []retired
	for len(r.retired) > 0 && now.Sub(r.retired[0].at) > lookupRest {
		over, r.retired = append(over, r.retired[0]), r.retired[1:]
	}
	r.mu.Unlock()
	for _, o := range over {
		o.source.Close()
	}
}

// close closes all lookups. Nobody may ask them then.
func (r *running) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.retired {
		o.source.Close()
	}
	if now := r.now.Load(); now != nil {
		now.asked.close()
	}
}

// failure is a reload that changed nothing.
type failure struct {
	at     time.Time
	faults config.Faults
}
