// Package app puts bellbuoy's parts together.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/intake"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/host"
)

// How long the parts may take to stop, one after the other.
const (
	intakeGrace = 5 * time.Second
	sendGrace   = 25 * time.Second
	senderGrace = 3 * time.Second
	adminGrace  = time.Second
)

// Options are what a sidecar is run with.
type Options struct {
	ConfigFile     string // "" takes [DefaultFile] where there is one, else none
	Version        string
	Stdout, Stderr io.Writer // what people are told; the log, as JSON
	Executable     string    // this program: run again as the process of each built-in sender
}

// Run takes notifications and delivers them until ctx ends; then it closes the intake,
// lets the sends in flight end and stops. It returns nil then. Errors: [ErrConfig]; what
// keeps it from starting (a port, the store); the store's failure while it runs.
func Run(ctx context.Context, o Options) (err error) {
	log := slog.New(slog.NewJSONHandler(o.Stderr, nil))
	set, faults, err := load(ctx, o.ConfigFile, o.Version)
	if err != nil {
		return err
	}
	for _, f := range faults {
		log.Warn("config", "fault", f.String())
	}

	st, err := store.Open(ctx, set.config.Store, store.Options{Version: o.Version})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	targets := set.targets()
	if err := st.Targets(ctx, names(targets)); err != nil {
		return err
	}

	senders, err := startHost(set.config.Store, o.Executable, log)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), senderGrace)
		defer cancel()
		err = errors.Join(err, senders.Close(ctx))
	}()

	in, err := intake.New(ctx, st, set.plan(), log)
	if err != nil {
		return err
	}
	out := delivery.New(delivery.Config{
		Store: st, Send: senders.Send, Log: log, Grace: sendGrace,
		Target: func(name string) (delivery.Target, bool) { t, ok := targets[name]; return t, ok },
	})
	ready := st.Err
	admin := api.New(api.Config{
		Store: st, Ready: ready, Version: o.Version, Log: log,
		Rules: func() *rules.Set { return set.rules },
	})
	return serve(ctx, parts{
		store: st, senders: senders, in: in, out: out, admin: admin, log: log,
		ready: ready, set: set, stdout: o.Stdout,
	})
}

func names(targets map[string]delivery.Target) []string {
	var out []string
	for n := range targets {
		out = append(out, n)
	}
	return out
}

// parts are what serve runs.
type parts struct {
	store   *store.Store
	senders *host.Host
	in      *intake.Handler
	out     *delivery.Dispatcher
	admin   http.Handler
	ready   func() error
	log     *slog.Logger
	set     settings
	stdout  io.Writer
}

// serve listens and runs the parts until ctx ends or one of them fails. It stops them
// in the order in which work passes through: nothing more comes in, what is in flight
// ends, then the rest.
func serve(ctx context.Context, p parts) error {
	c := p.set.config
	intakeListener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen for registries on %s: %w: stop what uses it, or set listen", c.Listen, err)
	}
	adminListener, err := net.Listen("tcp", c.Admin.Listen)
	if err != nil {
		intakeListener.Close()
		return fmt.Errorf("listen for the admin API on %s: %w: stop what uses it, or set admin.listen", c.Admin.Listen, err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	health := api.Health(p.ready)
	registries := intake.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			health.ServeHTTP(w, r)
			return
		}
		p.in.ServeHTTP(w, r)
	}), p.log)
	people := &http.Server{Handler: p.admin, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn)}

	var servers, workers sync.WaitGroup
	servers.Go(func() { failed(fail, "intake", registries.Serve(intake.Limit(intakeListener))) })
	servers.Go(func() { failed(fail, "admin API", people.Serve(adminListener)) })
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	workers.Go(func() { failed(fail, "delivery", p.out.Run(work)) })
	workers.Go(func() { p.in.RouteHeld(work) })
	workers.Go(func() { p.warm(work) })

	p.log.Info("bellbuoy runs", "listen", intakeListener.Addr().String(), "admin", adminListener.Addr().String(),
		"store", p.store.Path(), "config", p.set.file)
	if p.set.file == "" {
		greet(p.stdout, intakeListener.Addr().String(), adminListener.Addr().String(), p.store.Path())
	}

	select {
	case <-ctx.Done():
	case err := <-p.store.Failed():
		fail(err)
	}
	p.log.Info("bellbuoy stops: the intake is closed, sends in flight may end")
	shutdown(registries, intakeGrace)
	stopWork()
	workers.Wait()
	shutdown(people, adminGrace)
	servers.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// failed ends everything where one part does before it was told to.
func failed(fail context.CancelCauseFunc, part string, err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		fail(fmt.Errorf("%s: %w", part, err))
	}
}

// shutdown closes a server, at once where requests do not end within grace.
func shutdown(s *http.Server, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		s.Close()
	}
}

// warm starts the senders of the types in use, so that the first event does not wait
// for it. One that cannot be started is tried again by the first delivery.
func (p parts) warm(ctx context.Context) {
	for typ := range p.set.types {
		if _, err := p.senders.Sender(typ).Describe(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("start sender", "type", typ, "error", err)
		}
	}
}

// greet tells somebody who has configured nothing what to do.
func greet(w io.Writer, listen, admin, path string) {
	fmt.Fprintf(w, `bellbuoy runs without a configuration: it takes every event and keeps it in %s.
Put this into the registry's config.yml and restart the registry:

notifications:
  events:
    includereferences: true
  endpoints:
    - name: bellbuoy
      url: http://%s/in/distribution
      timeout: 5s
      threshold: 3
      backoff: 5s

Then push an image, and look:

  bellbuoy events
  bellbuoy trace ID

The admin API is at http://%s/api/v1. To deliver events, write a bellbuoy.yml.
`, path, listen, admin)
}
