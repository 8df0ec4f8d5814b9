package process

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startAndWait starts cmd such that it is killed when this process ends, however
// that comes about, and closes exited once it is reaped. The kernel ties the child
// to the thread that started it, so that thread is kept until then.
func startAndWait(cmd *exec.Cmd, exited chan<- struct{}) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
			close(exited)
		}
	}()
	return <-started
}
