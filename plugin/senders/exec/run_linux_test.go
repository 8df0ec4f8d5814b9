package exec

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// pid reads a file that a command wrote its number to.
func pid(t *testing.T, file string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// gone fails the test where a process lives on.
func gone(t *testing.T, what string, pid int) {
	t.Helper()
	for range 200 { // an orphan is init's to wait for
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if errors.Is(err, os.ErrNotExist) || strings.Contains(string(b), ") Z ") {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%s lives on", what)
}

// A command that does not end is asked to, and then made to, with all that it started.
func TestTimeIsUp(t *testing.T) {
	for name, line := range map[string]string{
		"ends when asked":       `sleep 1000 & echo $! > "$0"; wait`,
		"says that all is well": `trap 'exit 0' TERM; sleep 1000 & echo $! > "$0"; wait`,
		"ignores it":            `trap '' TERM; sleep 1000 & echo $! > "$0"; while :; do wait; sleep 1; done`,
		"is stopped":            `sleep 1000 & echo $! > "$0"; kill -STOP $$`,
	} {
		file := filepath.Join(t.TempDir(), "pid")
		receipt, err := New("1.2.3").Send(in(t, 250*time.Millisecond), sh(t, line, file))
		if plugin.ReadVerdict(err).Outcome != plugin.Retry || err == nil || receipt.Scope != "" || !strings.Contains(err.Error(), "in time") {
			t.Errorf("one that %s: %v, %+v", name, err, receipt)
		}
		gone(t, "the child of one that "+name, pid(t, file))
	}
}

// The end comes before the context's, so that the host hears of it, and with a signal that
// can be caught.
func TestAskedFirst(t *testing.T) {
	ctx := in(t, time.Second)
	receipt, err := New("1.2.3").Send(ctx, sh(t, `trap 'echo asked; exit 1' TERM; echo begun; sleep 1000 & wait`))
	if err == nil || receipt.Reply != "begun\nasked\n" || ctx.Err() != nil {
		t.Errorf("%v, printed %q, context %v", err, receipt.Reply, ctx.Err())
	}
}

func TestCancelled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if b, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(b), "\n") {
				cancel()
			}
		}
	}()
	_, err := New("1.2.3").Send(ctx, sh(t, `echo $$ > "$0"; exec sleep 1000`, file))
	if plugin.ReadVerdict(err).Outcome != plugin.Retry || err == nil {
		t.Error(err)
	}
	gone(t, "a cancelled command", pid(t, file))
}

// What a command leaves running in its group ends with it; what has left the group does not
// keep the call, though it holds the pipes.
func TestLeftBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if _, err := New("1.2.3").Send(t.Context(), sh(t, `sleep 1000 & echo $! > "$0"`, file)); err != nil {
		t.Error(err)
	}
	gone(t, "what was left running", pid(t, file))

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	d := sh(t, `exec 3<&0; setsid sh -c 'echo $$ > "$0"; exec sleep 1000' "$0" <&3 & until [ -s "$0" ]; do :; done; echo done`, file)
	d.Body = make([]byte, 1<<20) // more than a pipe holds
	receipt, err := New("1.2.3").Send(t.Context(), d)
	if err != nil || receipt.Reply != "done\n" {
		t.Errorf("%v, %q", err, receipt.Reply)
	}
	daemon := pid(t, file)
	if err := syscall.Kill(daemon, syscall.SIGKILL); err != nil {
		t.Errorf("what has left the group is not there: %v", err)
	}
	gone(t, "what has left the group", daemon)
}

// Where orphans are this process's to wait for, none stays as a zombie.
func TestNoZombies(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	file := filepath.Join(t.TempDir(), "pid")
	if _, err := New("1.2.3").Send(t.Context(), sh(t, `(sleep 1000 & echo $! > "$0")`, file)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(pid(t, file))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the orphan of a command is there: %v", err)
	}
}

// A sender catches signals that stop others, and holds descriptors; its commands do not.
func TestInheritsNothing(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(caught)
	var inherited [2]int
	if err := unix.Pipe(inherited[:]); err != nil { // as from a parent that takes no care
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(inherited[0]), unix.Close(inherited[1]) }()
	receipt, err := New("1.2.3").Send(t.Context(), sh(t, `ls /proc/self/fd; grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; ps -o pgid= $$ | tr -d ' '; echo $$; pwd`))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(receipt.Reply), "\n")
	if len(lines) != 10 || strings.Join(lines[:4], " ") != "0 1 2 3" { // 3 is ls reading
		t.Fatalf("it has the descriptors %q", lines)
	}
	const stops = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGTERM-1)
	for _, line := range lines[4:7] {
		name, value, _ := strings.Cut(line, ":\t")
		set, err := strconv.ParseUint(value, 16, 64)
		if err != nil || set&stops != 0 || name == "SigBlk" && set != 0 {
			t.Errorf("%s is %x, %v", name, set, err)
		}
	}
	if lines[7] != lines[8] || lines[9] != "/" {
		t.Errorf("group, process and folder are %q", lines[7:])
	}
}

// The command of a sender that is killed dies too.
func TestDiesWithTheSender(t *testing.T) {
	if file := os.Getenv("EXEC_TEST_FILE"); file != "" { // the sender
		_, err := New("1.2.3").Send(t.Context(), sh(t, `echo $$ > "$0"; exec sleep 1000`, file))
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	self, err := os.StartProcess(os.Args[0], []string{os.Args[0], "-test.run=^TestDiesWithTheSender$"}, &os.ProcAttr{Env: append(os.Environ(), "EXEC_TEST_FILE="+file)})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if b, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(b), "\n") {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := self.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := self.Wait(); err != nil {
		t.Error(err)
	}
	gone(t, "the command of a sender that was killed", pid(t, file))
}
