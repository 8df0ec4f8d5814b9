package exec

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Exit statuses that mean more than a failure, as sysexits(3) and shells have them.
const (
	exUsage       = 64
	exDataErr     = 65
	exUnavailable = 69
	exNoPerm      = 77
	exConfig      = 78
	notExecutable = 126
	notFound      = 127
)

// judge says what the end of a command means. What nobody gave a meaning is tried again,
// which is right for all that passes.
func judge(e end) (plugin.Scope, error) {
	if e.state == nil {
		return "", errors.New("the command does not end, though it was killed")
	}
	if e.late {
		// What it says of itself then is not what it was asked for.
		return "", errors.New("the command did not end in time, and was ended")
	}
	if status, ok := e.state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return "", fmt.Errorf("the command was ended by the signal %d (%s)", status.Signal(), status.Signal())
	}
	return byStatus(e.state)
}

func byStatus(state *os.ProcessState) (plugin.Scope, error) {
	code := state.ExitCode()
	if code == 0 {
		return "", nil
	}
	err := fmt.Errorf("the command ended with status %d", code)
	switch code {
	case exDataErr:
		return plugin.ScopeMessage, plugin.Permanent(fmt.Errorf("%w: it does not take the message", err))
	case exUsage:
		return plugin.ScopeMisconfigured, plugin.Permanent(fmt.Errorf("%w: it is called in a wrong way", err))
	case exNoPerm, exConfig:
		return plugin.ScopeMisconfigured, plugin.Permanent(fmt.Errorf("%w: it, or what it needs, is not set up", err))
	case exUnavailable:
		return "", plugin.Throttled(fmt.Errorf("%w: it takes nothing for now", err), time.Time{})
	case notExecutable, notFound: // of a shell, or of env
		return plugin.ScopeMisconfigured, fmt.Errorf("%w: something that it runs is not there, or cannot be executed", err)
	}
	return "", err
}
