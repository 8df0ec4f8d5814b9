// Package host runs senders as processes of their own, one a target type, and makes
// them look like senders in this one. A process is started when the first call for
// its type comes, watched, and started anew when it dies; what was in flight then
// comes back as an error to be tried again.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

// Config says what to run and where. All fields but File are needed.
type Config struct {
	// Command returns the program and its arguments for a target type: for a
	// built-in one this program's own path, "sender" and the type. It is asked at each start.
	Command func(typ string) (argv []string, err error)
	// File returns the file that serves a target type which does not come with the host,
	// or false for one that does. It is asked at each start; may be nil: then all do.
	File func(typ string) (File, bool)
	// RunDir is where the sockets are; made where it is not there. Not below /tmp,
	// where old sockets are cleaned away, and with a short path. Several hosts may share it.
	RunDir string
	// Logger gets the starts and deaths of senders and the lines that they print.
	Logger *slog.Logger
}

// Host runs the senders. Its methods may be called at the same time from many
// goroutines.
type Host struct {
	command  func(typ string) ([]string, error)
	file     func(typ string) (File, bool)
	log      *slog.Logger
	dir      *runDir
	timing   timing
	versions map[int]goplugin.PluginSet
	calls    gate

	ctx      context.Context // ends when the senders are stopped
	stop     context.CancelFunc
	watchers sync.WaitGroup
	closing  sync.Once
	closeErr error

	mu      sync.RWMutex
	closed  bool
	keepers map[string]*keeper
}

// New makes a host that has started nothing yet. It removes from the run directory
// what hosts that are no more have left there.
func New(c Config) (*Host, error) {
	dir, err := openRunDir(c.RunDir)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Host{
		command:  c.Command,
		file:     c.File,
		log:      c.Logger,
		dir:      dir,
		timing:   defaultTiming(),
		versions: wire.Plugins(nil),
		ctx:      ctx,
		stop:     stop,
		keepers:  make(map[string]*keeper),
	}, nil
}

// Sender returns the sender of a target type. It differs from one in this process
// in that its calls have deadlines whatever the context says, and in that a call may
// fail because the process could not be started or died; that is to be tried again.
func (h *Host) Sender(typ string) plugin.Sender { return sender{host: h, typ: typ} }

// Send makes one attempt with the sender of type d.Type: see [plugin.Sender] and
// [Host.Sender]. Where that failed because of the sender and not of the target, the
// receipt's scope is [plugin.ScopeSender]. It returns as soon as ctx ends, and the slices of d may then still
// be read.
func (h *Host) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.timing.send)
		defer cancel()
	}
	receipt := plugin.Receipt{Scope: plugin.ScopeSender} // unless one is asked
	err := h.call(ctx, d.Type, func(r *wire.Remote) (err error) {
		receipt, err = r.Send(ctx, d)
		if err != nil && r.Err() != nil {
			receipt.Scope = plugin.ScopeSender
		}
		return err
	})
	return receipt, err
}

// call runs f with the connection to the sender of type typ.
func (h *Host) call(ctx context.Context, typ string, f func(*wire.Remote) error) error {
	if !h.calls.enter() {
		return errClosed
	}
	defer h.calls.leave()
	k, err := h.keeper(typ)
	if err != nil {
		return err
	}
	for {
		l, err := k.up(ctx)
		if err != nil {
			return unsent{err}
		}
		if l.calls.enter() { // else it has just been replaced
			defer l.calls.leave()
			return f(l.remote)
		}
	}
}

// ErrUnsent is for errors of calls that no sender heard of: none was up, and none could
// be started.
var ErrUnsent = errors.New("no sender is up")

type unsent struct{ error }

func (u unsent) Unwrap() error        { return u.error }
func (u unsent) Is(target error) bool { return target == ErrUnsent }

// Rests reports whether the sender of a type is down and is not to be started yet: a
// call would wait in vain, or for long.
func (h *Host) Rests(typ string) bool {
	h.mu.RLock()
	k := h.keepers[typ]
	h.mu.RUnlock()
	return k != nil && k.rests()
}

// Renew has the sender of a type run anew, since its file is another or somebody wishes
// it: a new process is started, gets what comes from then on, and the old one ends when
// it has answered what it has. Where the new one does not come up the old one stays, and
// the error says why. One that is down or [Halted] is started at once. A type that nobody
// has asked for is left alone.
func (h *Host) Renew(ctx context.Context, typ string) error {
	if !h.calls.enter() {
		return errClosed
	}
	defer h.calls.leave()
	h.mu.RLock()
	k := h.keepers[typ]
	h.mu.RUnlock()
	if k == nil {
		return nil
	}
	return k.renew(ctx)
}

func (h *Host) keeper(typ string) (*keeper, error) {
	h.mu.RLock()
	k, ok := h.keepers[typ]
	h.mu.RUnlock()
	if ok {
		return k, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if k, ok = h.keepers[typ]; !ok {
		k = &keeper{typ: typ, host: h, state: Down, draining: map[*life]struct{}{}}
		h.keepers[typ] = k
	}
	return k, nil
}

// prepare finds what to execute for typ. A file is looked at and copied anew for each
// start: it may be another since the last one.
func (h *Host) prepare(typ string) (command, error) {
	if h.file != nil {
		if f, ok := h.file(typ); ok {
			p, err := f.load(h.dir.path)
			if err != nil {
				return command{}, fmt.Errorf("start sender %s: %w", typ, err)
			}
			return command{argv: []string{f.Path}, program: p}, nil
		}
	}
	argv, err := h.command(typ)
	if err == nil && len(argv) == 0 {
		err = fmt.Errorf("start sender %s: no command is given for it", typ)
	}
	return command{argv: argv}, err
}

// Stats returns an account of every sender that was asked for, by type.
func (h *Host) Stats() []Stat {
	h.mu.RLock()
	defer h.mu.RUnlock()
	stats := make([]Stat, 0, len(h.keepers))
	for _, k := range h.keepers {
		stats = append(stats, k.stat())
	}
	slices.SortFunc(stats, func(a, b Stat) int { return strings.Compare(a.Type, b.Type) })
	return stats
}

// Close takes no more calls, waits for those in flight until ctx ends, and then
// stops all senders: asked first, killed after two seconds. It returns within some
// seconds after ctx ends even where a process does not; then its error says which.
func (h *Host) Close(ctx context.Context) error {
	h.closing.Do(func() { h.closeErr = h.close(ctx) })
	return h.closeErr
}

func (h *Host) close(ctx context.Context) error {
	drained := h.calls.close()
	select {
	case <-drained:
	case <-ctx.Done():
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.stop()

	var errs []error
	var lives []*life
	for _, k := range h.keepers { // no more are added
		ended, s := k.close()
		if s != nil {
			<-s.done // soon: the end of h.ctx kills what is starting
			ended, _ = k.close()
		}
		lives = append(lives, ended...)
	}
	for _, l := range lives {
		<-l.gone
		select {
		case <-l.proc.ended:
		default:
			errs = append(errs, fmt.Errorf("stop sender %s: process %d does not end", l.typ, l.proc.pid()))
		}
	}
	h.watchers.Wait()
	return errors.Join(append(errs, h.dir.remove())...)
}

// sender is one target type of a host.
type sender struct {
	host *Host
	typ  string
}

func (s sender) Describe(ctx context.Context) (d plugin.Description, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.host.timing.start+s.host.timing.describe)
	defer cancel()
	err = s.host.call(ctx, s.typ, func(r *wire.Remote) (err error) {
		ctx, cancel := context.WithTimeout(ctx, s.host.timing.describe)
		defer cancel()
		d, err = r.Describe(ctx, s.typ)
		return err
	})
	return d, err
}

func (s sender) Check(ctx context.Context, c plugin.Check) (faults []plugin.Fault, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.host.timing.start+s.host.timing.check)
	defer cancel()
	err = s.host.call(ctx, s.typ, func(r *wire.Remote) (err error) {
		ctx, cancel := context.WithTimeout(ctx, s.host.timing.check)
		defer cancel()
		faults, err = r.Check(ctx, s.typ, c)
		return err
	})
	return faults, err
}

func (s sender) Render(ctx context.Context, d plugin.Delivery) (request plugin.Request, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.host.timing.start+s.host.timing.check)
	defer cancel()
	d.Type = s.typ
	err = s.host.call(ctx, s.typ, func(r *wire.Remote) (err error) {
		ctx, cancel := context.WithTimeout(ctx, s.host.timing.check)
		defer cancel()
		request, err = r.Render(ctx, d)
		return err
	})
	return request, err
}

func (s sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	d.Type = s.typ
	return s.host.Send(ctx, d)
}
