package app

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// When its disk fails bellbuoy answers no 202 any more, ends and says why; in the next
// life everything that had a 202 is there.
func TestStoreFailsWhileRunning(t *testing.T) {
	file := one(t, "http://127.0.0.1:9/hook")
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := &life{t: t, stdout: &output{}, log: &output{}, ended: make(chan error, 1)}
	cmd := exec.Command(executable, "run", file)
	cmd.Stdout, cmd.Stderr = l.stdout, l.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	go func() { l.ended <- cmd.Wait() }()
	l.until("bellbuoy listens", func() bool {
		l.listen, l.admin = addresses(l.log.String())
		return l.listen != ""
	})
	id := l.notify("hub", push(t, "one"))[0]

	limit := unix.Rlimit{Cur: 1, Max: 1} // of the size of any file: each write fails
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	status, answer, err := ask("POST", "http://"+l.listen+"/in/hub", push(t, "two"))
	if err == nil && status != http.StatusServiceUnavailable {
		t.Errorf("with a failing disk: %d %s", status, answer)
	}
	if exit, ok := errors.AsType[*exec.ExitError](l.end()); !ok || exit.ExitCode() != 1 {
		t.Errorf("ended with %v", exit)
	}
	said := l.stdout.String()
	if !strings.HasPrefix(said, "store ") || !strings.Contains(said, "bellbuoy.db failed: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("it says\n%s", said)
	}
	if strings.Contains(l.log.String(), "goroutine ") {
		t.Errorf("it says so with a stack")
	}

	next := start(t, file)
	next.settled(id, store.Waiting)
	if err := next.stop(); err != nil {
		t.Error(err)
	}
}
