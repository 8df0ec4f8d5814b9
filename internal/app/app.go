// Package app puts bellbuoy's parts together.
package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/metrics"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// How long the parts may take to stop, one after the other.
const (
	intakeGrace = 2 * time.Second
	sendGrace   = 25 * time.Second
	senderGrace = 2 * time.Second
	adminGrace  = time.Second
)

// Options are what a sidecar is run with.
type Options struct {
	Files          Files // none = [DefaultFile] where there is one
	Version        string
	Stdout, Stderr io.Writer        // what people are told; the log, as JSON
	Executable     string           // this program: run again as the process of each built-in sender
	Reload         <-chan os.Signal // each has the configuration looked at again; may be nil
	Name           string           // how people call this program where they are: "bellbuoy", "./bellbuoy"

	begun func(*running) // told what is in use, before anybody is served; for tests
}

// Run takes notifications and delivers them until ctx ends; then it closes the intake,
// lets the sends in flight end and stops. When the configuration's files change it goes by
// the new configuration, if that is good. It returns nil then, unless something could
// not be ended well. Errors: [ErrConfig]; what keeps it from starting (a port, the
// store); what ends it while it runs (the store failed, say), in the same good order.
func Run(ctx context.Context, o Options) error {
	log := slog.New(slog.NewJSONHandler(o.Stderr, nil))
	set, faults, err := load(ctx, o.Files, o.Version)
	if err != nil {
		return err
	}
	for _, f := range faults {
		log.Warn("config", "fault", f.String())
	}
	return run(ctx, set, o, log)
}

// run is [Run] with what was loaded.
func run(ctx context.Context, set settings, o Options, log *slog.Logger) (err error) {
	m := metrics.New(o.Version, runtime.Version())
	st, err := store.Open(ctx, set.config.Store, store.Options{Version: o.Version, Watch: m.Commit})
	if err != nil {
		return err
	}
	defer func() {
		closed := st.Close()
		if err == nil {
			err = st.Err() // it failed at the very end
		}
		err = errors.Join(err, closed)
	}()
	guard := access.New(access.Config{Store: st, Log: log, Watch: m.Refused})
	now := &running{store: st, log: log, version: o.Version, guard: guard, behind: make(chan struct{}, 1), mailing: make(chan struct{}, 1)}
	senders, err := startHost(set.config.Store, o.Executable, now.plugin, log)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), senderGrace)
		defer cancel()
		err = errors.Join(err, senders.Close(ctx))
	}()

	defer now.close()
	if err := now.begin(ctx, set); err != nil {
		return err
	}
	if o.begun != nil {
		o.begun(now)
	}
	now.in.Watch(now.heard.watch(m.Request))
	carry := newCarriers(st, o.Version, senders)
	out := delivery.New(delivery.Config{
		Store: st, Send: carry.send, Rests: senders.Rests, Log: log, Grace: sendGrace, Target: now.target, Watch: m.Attempt, Render: carry.render,
	})
	e := newEnding(ctx)
	defer e.stop()
	ready := func() error {
		if e.ctx.Err() != nil {
			return errors.New("bellbuoy is stopping")
		}
		if st.Away() {
			return errors.New("the store's database cannot be reached")
		}
		return st.Err()
	}
	admin := api.New(api.Config{
		Store: st, Ready: ready, Version: o.Version, Log: log,
		Rules: now.rules, Running: now.shown, Objects: now.objects, Change: now.change, Try: now.try, Written: now.written, Schema: config.Schema, Verified: now.reconsider, Resend: now.resend, Known: now.known, Inboxes: now.inboxes, Access: guard, Judge: now.in.Judge, Terms: now.in.Terms,
		TargetTypes: now.targetTypes, TargetType: func(ctx context.Context, typ string) (api.TargetType, bool, error) {
			return now.targetType(ctx, typ, senders)
		},
		Pages: now.pages, Metrics: now.metrics(m, st, senders), MetricsOpen: now.metricsOpen,
		Plugins: func() []api.Plugin { return now.plugins(senders) }, RestartPlugin: carry.renew,
	})
	return parts{
		store: st, in: now.in, out: out, admin: admin,
		health: api.Health(ready, now.shown), log: log, set: set, options: o, mails: mailer{now, carry.send},
		reload: &reloader{running: now, files: set.files, told: o.Reload, senders: senders, warmed: map[string]bool{}},
	}.serve(e)
}
