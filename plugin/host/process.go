package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

const (
	maxHandshake = 16 << 10               // bytes of the one line that go-plugin may read
	lastWords    = 500 * time.Millisecond // for what a dead process left in its pipes
)

// process is one process of a sender, from its start to its end. It is what
// go-plugin calls a runner; go-plugin's own waits for the pipes before it waits for
// the process, so that a grandchild which inherited them hides the death.
type process struct {
	argv   []string
	copy   program // what is executed where it is not argv[0]
	env    []string
	output *output

	mu     sync.Mutex // held where the process could otherwise be reaped between look and kill
	cmd    *exec.Cmd  // nil until started
	killed bool
	why    error // it was killed, if not for being unwanted
	reaped bool
	dir    string // go-plugin's directory for the socket

	handshake *io.PipeReader // the first line of its standard output
	ended     chan struct{}  // closed when the process is dead and reaped
	state     error          // how it ended; set before ended is closed
	readers   sync.WaitGroup
}

func newProcess(c command, env []string, out *output) *process {
	return &process{argv: c.argv, copy: c.program, env: env, output: out, ended: make(chan struct{})}
}

// command is what is executed for one life of a sender.
type command struct {
	argv    []string
	program program // of its own file; zero for one that comes with the host
}

// The descriptors that a new process finds open, beside the standard ones.
const (
	lifeFD    = 3
	programFD = 4 // only where it is executed from memory
)

// runner is called by go-plugin with the variables that the handshake needs, in
// spec, and the directory that it made for the socket.
func (p *process) runner(_ hclog.Logger, spec *exec.Cmd, dir string) (runner.Runner, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dir = dir
	p.env = append(p.env, spec.Env...)
	return p, nil
}

// Start starts the process in a group of its own.
func (p *process) Start(context.Context) error {
	var files []*os.File
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	pipe := func() (r, w *os.File, err error) {
		if r, w, err = os.Pipe(); err == nil {
			files = append(files, r, w)
		}
		return r, w, err
	}
	outR, outW, err := pipe()
	if err != nil {
		return err
	}
	errR, errW, err := pipe()
	if err != nil {
		return err
	}
	lifeR, lifeW, err := pipe()
	if err != nil {
		return err
	}

	cmd := exec.Command(p.argv[0], p.argv[1:]...) // standard input is /dev/null
	cmd.Env = append(p.env, wire.LifeFD+"="+strconv.Itoa(lifeFD))
	if private() {
		cmd.Env = append(cmd.Env, wire.PrivateVar+"=1")
	}
	cmd.Stdout, cmd.Stderr = outW, errW
	cmd.ExtraFiles = []*os.File{lifeR}
	if p.copy.path != "" {
		cmd.Path, cmd.Err = p.copy.path, nil // its name, which is argv[0], is that of the file
	}
	if p.copy.file != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, p.copy.file)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)

	started := make(chan error)
	go p.live(cmd, started, func() {
		_ = lifeW.Close()
		deadline := time.Now().Add(lastWords)
		_ = outR.SetReadDeadline(deadline)
		_ = errR.SetReadDeadline(deadline)
	})
	if err := <-started; err != nil {
		return err
	}
	files = []*os.File{outW, errW, lifeR} // ours no more

	handshake, line := io.Pipe()
	p.handshake = handshake
	p.readers.Go(func() {
		defer outR.Close()
		rest := bufio.NewReaderSize(outR, maxHandshake)
		first, _ := rest.ReadSlice('\n')
		_, _ = line.Write(first)
		_ = line.Close()
		p.output.drain(rest)
	})
	p.readers.Go(func() {
		defer errR.Close()
		p.output.drain(errR)
	})
	return nil
}

// live is the one goroutine of a process's life. It stays on its thread, because the
// kernel's signal on the parent's death follows the thread that started the
// child: when another thread had done it and ended, the child would be killed.
func (p *process) live(cmd *exec.Cmd, started chan<- error, ended func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	p.mu.Lock()
	err := errors.New("it is no longer wanted")
	if !p.killed {
		confineNext()
		err = cmd.Start()
	}
	if err == nil {
		p.cmd = cmd
		p.output.pid.Store(int64(cmd.Process.Pid))
		confine(cmd.Process.Pid)
	}
	p.mu.Unlock()
	started <- err
	if err != nil {
		return
	}

	err = p.reap(cmd)
	p.state = errors.New("the process ended")
	if err != nil {
		p.state = fmt.Errorf("the process ended: %w", err)
	}
	p.mu.Lock()
	if p.why != nil {
		p.state = p.why
	}
	p.mu.Unlock()
	ended()
	close(p.ended)
	reapOrphans(cmd.Process.Pid)
}

// condemn kills the process for a reason of its own making.
func (p *process) condemn(why error) {
	p.mu.Lock()
	if p.why == nil {
		p.why = why
	}
	p.mu.Unlock()
	p.kill()
}

// kill ends the process and all of its group; also one that is stopped, or that is
// not started yet.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.cmd != nil && !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// pid is 0 until the process is started.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Wait returns when the process is dead, its pipes open or not.
func (p *process) Wait(context.Context) error {
	<-p.ended
	return nil
}

// Kill is go-plugin's way to say kill.
func (p *process) Kill(context.Context) error {
	p.kill()
	return nil
}

// Stdout is the handshake line and no more; the rest is the log's.
func (p *process) Stdout() io.ReadCloser { return p.handshake }

// Stderr is empty for go-plugin: the lines go to the log, at a bounded rate.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(eof{}) }

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// Name is the program's path.
func (p *process) Name() string { return p.argv[0] }

// ID is empty until the process is started: then go-plugin has nothing to kill.
func (p *process) ID() string {
	if pid := p.pid(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

// Diagnose adds nothing to go-plugin's words.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost leaves addresses as they are.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin leaves addresses as they are.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
