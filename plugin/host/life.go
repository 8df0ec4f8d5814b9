package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

// timing is how long things may take.
type timing struct {
	start       time.Duration // from exec to the handshake
	describe    time.Duration // from the handshake to the first answer
	healthEvery time.Duration
	healthCall  time.Duration // of one health check, and from a failed one to the next
	failures    int           // failed checks in a row that end a life
	memory      int64         // bytes in use that end a life
	overdue     time.Duration // that a sender may keep a delivery after its caller has gone
	farewell    time.Duration // for a process to end when asked
	cleanup     time.Duration // for what is left of a killed one
	longLife    time.Duration // a life of this length forgives the deaths before it
	backoff     time.Duration // after the first of several short lives, doubling
	maxBackoff  time.Duration
	deaths      int // that many within window are too many
	window      time.Duration
	rest        time.Duration // after too many, until the next start
	drain       time.Duration // for what one that is replaced has in flight
	check       time.Duration // of a Check or Render
	send        time.Duration // of a Send whose context sets no deadline
}

func defaultTiming() timing {
	return timing{
		start:       10 * time.Second,
		describe:    5 * time.Second,
		healthEvery: 5 * time.Second,
		healthCall:  2 * time.Second,
		failures:    3,
		memory:      1 << 30,
		overdue:     30 * time.Second,
		farewell:    2 * time.Second,
		cleanup:     5 * time.Second,
		longLife:    time.Minute,
		backoff:     time.Second,
		maxBackoff:  time.Minute,
		deaths:      5,
		window:      10 * time.Minute,
		rest:        5 * time.Minute,
		drain:       90 * time.Second,
		check:       10 * time.Second,
		send:        90 * time.Second,
	}
}

// life is one life of a sender: a process, its go-plugin client and the connection.
// None of the three can be used again for another.
type life struct {
	typ    string
	proc   *process
	client *goplugin.Client
	remote *wire.Remote
	timing timing
	born   time.Time // when it was up
	calls  gate      // those that are in flight

	version  string // as it describes itself
	protocol int    // the version that both speak

	cancel  context.CancelFunc // ends the stream
	once    sync.Once
	dead    chan struct{} // closed when it is over, for a reason
	reason  error         // set before dead is closed
	mourned chan struct{} // closed when its keeper knows
	gone    chan struct{} // closed when nothing is left of it
}

// begin starts a process for typ and returns when it has answered its first call.
// The end of ctx ends the start; a life that is up does not depend on it.
func begin(ctx context.Context, typ string, c command, dir *runDir, out *output, t timing, versions map[int]goplugin.PluginSet) (*life, error) {
	if c.program.free != nil {
		defer c.program.free()
	}
	proc := newProcess(c, environ(), out)
	l := &life{
		typ:     typ,
		proc:    proc,
		timing:  t,
		dead:    make(chan struct{}),
		mourned: make(chan struct{}),
		gone:    make(chan struct{}),
		client: goplugin.NewClient(&goplugin.ClientConfig{
			HandshakeConfig:  wire.Handshake(),
			VersionedPlugins: versions,
			AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
			RunnerFunc:       proc.runner,
			UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: dir.path},
			StartTimeout:     t.start,
			AutoMTLS:         true,
			SkipHostEnv:      true,
			GRPCDialOptions:  wire.DialOptions(),
			SyncStdout:       out,
			SyncStderr:       out,
			Logger:           hclog.NewNullLogger(), // what matters comes back as an error
		}),
	}
	out.flooded = func() {
		proc.condemn(fmt.Errorf("it printed more than %d MiB in a minute, beside what was logged", floodLimit>>20))
	}
	stop := context.AfterFunc(ctx, proc.kill)
	defer stop()
	streamCtx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	if err := l.connect(streamCtx); err != nil {
		l.end(err, false)
		<-l.gone
		return nil, err
	}
	l.born = time.Now()
	go l.watch()
	return l, nil
}

// connect brings the process up. go-plugin believes in a process that has printed
// its handshake line; we do when it has answered.
func (l *life) connect(streamCtx context.Context) error {
	if _, err := l.client.Start(); err != nil {
		if strings.Contains(err.Error(), "Failed to read any lines") { // it said nothing, or is gone
			select {
			case <-l.proc.ended:
				return fmt.Errorf("start sender %s: it said nothing: %w", l.typ, l.proc.state)
			case <-time.After(lastWords):
			}
		}
		hint := ""
		if strings.Contains(err.Error(), "incompatible API version") { // go-plugin has no name for it
			hint = ": the two were made for different versions of the protocol: take a sender that was made for this bellbuoy, or another bellbuoy"
		}
		return fmt.Errorf("start sender %s: %s%s", l.typ, shortened(err), hint)
	}
	// Not by a context: go-plugin's connecting has none.
	deadline := time.AfterFunc(l.timing.describe, l.proc.kill)
	defer deadline.Stop()
	protocol, err := l.client.Client()
	if err != nil {
		return fmt.Errorf("connect to sender %s: %s", l.typ, shortened(err))
	}
	raw, err := protocol.Dispense(wire.Name)
	if err != nil {
		return fmt.Errorf("connect to sender %s: %s", l.typ, shortened(err))
	}
	conn, ok := raw.(grpc.ClientConnInterface)
	if !ok {
		return fmt.Errorf("connect to sender %s: no connection but a %T", l.typ, raw)
	}
	ctx, cancel := context.WithTimeout(streamCtx, l.timing.describe)
	defer cancel()
	remote, err := wire.Open(streamCtx, conn)
	if err != nil {
		return fmt.Errorf("connect to sender %s: %w", l.typ, err)
	}
	l.remote = remote
	d, err := remote.Describe(ctx, l.typ)
	if err != nil {
		if !deadline.Stop() || ctx.Err() != nil {
			return fmt.Errorf("describe sender %s: no answer within %s of its handshake", l.typ, l.timing.describe)
		}
		return fmt.Errorf("describe sender %s: %w", l.typ, err)
	}
	if !deadline.Stop() {
		return fmt.Errorf("describe sender %s: no answer within %s of its handshake", l.typ, l.timing.describe)
	}
	l.version, l.protocol = printable([]byte(d.Version)), l.client.NegotiatedVersion()
	return nil
}

// shortened makes go-plugin's error, which may quote whatever a program printed in
// place of a handshake, fit for a line of a log.
func shortened(err error) string {
	s := printable([]byte(strings.ReplaceAll(err.Error(), "\n", " ")))
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "..."
	}
	return s
}

// watch ends the life when the process or the connection does, or when it no longer
// answers.
func (l *life) watch() {
	health := time.NewTimer(l.timing.healthEvery)
	defer health.Stop()
	failures := 0
	for {
		select {
		case <-l.dead:
			return
		case <-l.proc.ended:
			l.end(l.proc.state, false)
			return
		case <-l.remote.Broken():
			err := l.remote.Err()
			select { // the better reason may be on its way
			case <-l.proc.ended:
				err = l.proc.state
			case <-time.After(100 * time.Millisecond):
			}
			l.end(err, false)
			return
		case <-health.C:
		}
		if l.remote.Overdue(l.timing.overdue) {
			l.end(fmt.Errorf("it kept a delivery for %s after its deadline", l.timing.overdue), false)
			return
		}
		if r := resident(l.proc.pid()); r > l.timing.memory {
			l.end(fmt.Errorf("it had %d MiB of memory in use, and %d MiB is the most", r>>20, l.timing.memory>>20), false)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), l.timing.healthCall)
		next := time.Now().Add(l.timing.healthCall)
		err := l.remote.Health(ctx)
		cancel()
		switch {
		case err == nil:
			failures = 0
			next = time.Now().Add(l.timing.healthEvery)
		default:
			if failures++; failures == l.timing.failures {
				l.end(fmt.Errorf("it failed %d health checks in a row: %w", failures, err), false)
				return
			}
		}
		health.Reset(time.Until(next))
	}
}

// end ends the life for a reason, once: calls in flight return at once, and the
// process is killed. A gentle end asks it first.
func (l *life) end(reason error, gentle bool) {
	l.once.Do(func() {
		l.reason = reason
		close(l.dead)
		if l.remote != nil {
			l.remote.Break(fmt.Errorf("sender %s is down: %w", l.typ, reason))
		}
		go l.bury(gentle)
	})
}

// bury leaves nothing of the life. The kill comes before go-plugin's own, which waits
// for an answer of the process, however long it takes.
func (l *life) bury(gentle bool) {
	defer close(l.gone)
	if !gentle {
		l.proc.kill()
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		l.client.Kill()
	}()
	if gentle {
		select {
		case <-closed:
		case <-time.After(l.timing.farewell):
		}
		l.proc.kill() // what it left running, if nothing else
	}
	select {
	case <-closed:
	case <-time.After(l.timing.cleanup): // a process in the kernel's hands; it is dead to us
	}
	l.cancel()
	if l.proc.pid() != 0 {
		select {
		case <-l.proc.ended:
			l.proc.readers.Wait()
		case <-time.After(l.timing.cleanup):
		}
	}
	if l.proc.dir != "" {
		_ = os.RemoveAll(l.proc.dir) // what stays is swept by the next host
	}
}

// retire ends the life when it has answered what it has in flight, or in vain.
func (l *life) retire(ctx context.Context) {
	late := time.NewTimer(l.timing.drain)
	defer late.Stop()
	select {
	case <-l.calls.close():
	case <-late.C:
	case <-l.dead:
	case <-ctx.Done():
	}
	l.end(errReplaced, true)
	<-l.gone
}

var (
	errClosed   = errors.New("the host of the senders is closed")
	errReplaced = errors.New("it was replaced")
)
