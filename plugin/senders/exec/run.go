package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

const (
	maxGrace  = 2 * time.Second        // between the request to end and the end
	lastWords = 100 * time.Millisecond // for what a dead command left in its pipe
	maxWait   = 5 * time.Second        // for one that was killed to be dead
	// maxOutput is how much of the output is kept: more than is shown, since masking may
	// shorten it.
	maxOutput = 4 * plugin.MaxReply
)

// family is what all commands of this process share.
type family struct{ prepare func() }

func newFamily() *family { return &family{sync.OnceFunc(prepare)} }

// end is how a command ended.
type end struct {
	output []byte           // the beginning of what it printed
	late   bool             // it was told to end
	state  *os.ProcessState // nil where it did not end
}

// errBusy: the system has no room for another process now.
var errBusy = errors.New("the system starts no more processes now")

// run runs a command to its end. The error is that of a command that could not be started.
//
// Its standard output and error are one pipe, of which the beginning is kept and the rest
// read and dropped. A fifth of ctx's time before its end, though at most two seconds, the
// command's process group gets SIGTERM, and at the end SIGKILL. What it left running in its
// group is killed when it ends; what has left the group is not, and is not waited for, even
// where it holds the pipe.
func (f *family) run(ctx context.Context, c *command, env []string, input []byte) (end, error) {
	f.prepare()
	// The kernel kills the command when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	inR, inW, err := os.Pipe()
	if err != nil {
		return end{}, fmt.Errorf("%w: %w", errBusy, err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		_, _ = inR.Close(), inW.Close()
		return end{}, fmt.Errorf("%w: %w", errBusy, err)
	}
	cmd := &osexec.Cmd{
		Path: c.argv[0], Args: c.argv, Dir: c.dir, Env: env,
		Stdin: inR, Stdout: outW, Stderr: outW,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	dieWithParent(cmd.SysProcAttr)
	err = cmd.Start()
	_, _ = inR.Close(), outW.Close()
	if err != nil {
		_, _ = inW.Close(), outR.Close()
		for _, busy := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY} {
			if errors.Is(err, busy) {
				return end{}, fmt.Errorf("%w: %w", errBusy, err)
			}
		}
		return end{}, err
	}
	var e end
	var pipes sync.WaitGroup
	pipes.Go(func() {
		defer inW.Close()
		_, _ = inW.Write(input) // which it need not read
	})
	pipes.Go(func() {
		defer outR.Close()
		e.output, _ = io.ReadAll(io.LimitReader(outR, maxOutput))
		_, _ = io.Copy(io.Discard, outR)
	})
	late, state := wait(ctx, cmd)
	now := time.Now()
	_ = outR.SetReadDeadline(now.Add(lastWords))
	_ = inW.SetWriteDeadline(now)
	pipes.Wait()
	e.late, e.state = late, state
	return e, nil
}

// wait waits for the end of a command, sees to it where ctx's comes near, and ends all of
// its group. The state is nil where it does not end.
func wait(ctx context.Context, cmd *osexec.Cmd) (late bool, state *os.ProcessState) {
	g := group{id: cmd.Process.Pid}
	ended := make(chan struct{})
	go func() {
		g.reap(cmd)
		close(ended)
	}()
	grace, near := maxGrace, make(<-chan time.Time)
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		grace = max(min(grace, left/5), 0)
		timer := time.NewTimer(left - grace)
		defer timer.Stop()
		near = timer.C
	}
	select {
	case <-ended:
		return false, cmd.ProcessState
	case <-near:
	case <-ctx.Done():
	}
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, maxWait}} {
		g.signal(step.signal)
		timer := time.NewTimer(step.wait)
		select {
		case <-ended:
			timer.Stop()
			return true, cmd.ProcessState
		case <-timer.C:
		}
	}
	return true, nil // it is within the kernel; whenever it comes out it is reaped
}

// group is the process group of a command.
type group struct {
	id int

	mu     sync.Mutex
	reaped bool // the number may be another's
}

func (g *group) signal(s syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.reaped {
		_ = syscall.Kill(-g.id, s)
	}
}
