package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/internal/intake"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// parts are what runs.
type parts struct {
	store   *store.Store
	in      *intake.Handler
	out     *delivery.Dispatcher
	admin   http.Handler
	health  http.Handler
	reload  *reloader
	mails   mailer
	log     *slog.Logger
	set     settings
	options Options
}

// serve listens and runs the parts until it is time to end. It stops them in the order
// in which work passes through: nothing more comes in, what is in flight ends, then the
// rest.
func (p parts) serve(e *ending) error {
	in, err := p.intakeServer()
	if err != nil {
		return err
	}
	admin, err := p.adminServer()
	if err != nil {
		return err
	}
	registries, people, err := listen(p.set.config.Listen, p.set.config.Admin.Listen)
	if err != nil {
		return err
	}
	var servers, workers sync.WaitGroup
	servers.Go(func() { e.failed("serve registries", intake.Serve(in, registries, p.log)) })
	servers.Go(func() { e.failed("serve the admin API", intake.Serve(admin, people, p.log)) })
	work, stopWork := context.WithCancel(context.WithoutCancel(e.ctx))
	defer stopWork()
	workers.Go(func() { e.failed("deliver", p.out.Run(work)) })
	workers.Go(func() { p.in.RouteHeld(work) })
	workers.Go(func() { p.reload.run(e.ctx) })
	workers.Go(func() { p.mails.run(e.ctx) })
	workers.Go(func() { p.store.Retain(e.ctx, p.log) })

	p.log.Info("bellbuoy runs", "listen", registries.Addr().String(), "admin", people.Addr().String(),
		"store", p.store.Path(), "config", p.set.file)
	if p.set.file == "" {
		greet(p.options.Stdout, p.options.Name, registries.Addr().String(), people.Addr().String(), p.store.Path())
	}

	select {
	case <-e.ctx.Done():
	case <-p.store.Failed():
		e.stop()
	}
	p.log.Info("bellbuoy stops: the intake is closed, sends in flight may end")
	failpoint.At("stop begun")
	shutdown(in, intakeGrace)
	failpoint.At("intake closed")
	stopWork()
	workers.Wait()
	failpoint.At("work ended")
	shutdown(admin, adminGrace)
	servers.Wait()
	if err := p.store.Err(); err != nil {
		return err // what else failed, failed because of it
	}
	return e.err()
}

// listen opens both listeners, or neither.
func listen(intake, admin string) (registries, people net.Listener, err error) {
	registries, err = net.Listen("tcp", intake)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for registries on %s: %w: %s", intake, bare(err), remedy(err, "listen"))
	}
	people, err = net.Listen("tcp", admin)
	if err != nil {
		registries.Close()
		return nil, nil, fmt.Errorf("listen for the admin API on %s: %w: %s", admin, bare(err), remedy(err, "admin.listen"))
	}
	return registries, people, nil
}

// bare takes off an error what says which address it is about.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// remedy says what to do where an address cannot be listened on; key is the one that
// sets the address.
func remedy(err error, key string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop what uses it, or set another port in " + key
	case errors.Is(err, syscall.EACCES):
		return "set a port from 1024 on in " + key + ", or give bellbuoy the right to use this one"
	}
	return "set an address of this machine in " + key
}

// intakeServer serves registries, and those who look whether bellbuoy is well.
func (p parts) intakeServer() (*http.Server, error) {
	srv := intake.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			p.health.ServeHTTP(w, r)
			return
		}
		p.in.ServeHTTP(w, r)
	}), p.log)
	if t := p.set.config.TLS; t != nil {
		certificate, err := intake.ReadCertificate(string(t.Cert), string(t.Key), p.log)
		if err != nil {
			return nil, err
		}
		srv.TLSConfig = certificate.Config()
	}
	return srv, nil
}

// adminServer serves people and scripts.
func (p parts) adminServer() (*http.Server, error) {
	srv := &http.Server{
		Handler:           p.admin,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	if t := p.set.config.Admin.TLS; t != nil {
		certificate, err := intake.ReadCertificate(string(t.Cert), string(t.Key), p.log)
		if err != nil {
			return nil, err
		}
		srv.TLSConfig = certificate.Config()
		srv.TLSConfig.ClientAuth = tls.NoClientCert // browsers would ask people for one
	}
	return srv, nil
}

// shutdown closes a server, at once where requests do not end within grace.
func shutdown(s *http.Server, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		s.Close()
	}
}

// ending is how a run comes to its end: because it is told to, or because a part
// failed. What fails while it ends counts too.
type ending struct {
	ctx  context.Context // ends when it is time to stop
	stop context.CancelFunc

	mu   sync.Mutex
	errs []error
}

func newEnding(ctx context.Context) *ending {
	ctx, stop := context.WithCancel(ctx)
	return &ending{ctx: ctx, stop: stop}
}

// failed ends everything where doing what failed. A server that was shut down and a
// part that ended well have not.
func (e *ending) failed(doing string, err error) {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return
	}
	e.mu.Lock()
	e.errs = append(e.errs, fmt.Errorf("%s: %w", doing, err))
	e.mu.Unlock()
	e.stop()
}

// err is what failed, nil where nothing did.
func (e *ending) err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return errors.Join(e.errs...)
}
