//go:build linux

package host

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// pinned is a folder with the file of a sender, and what it holds.
func pinned(t *testing.T, content string) File {
	t.Helper()
	dir := filepath.Join(shortDir(t), "senders")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bellbuoy-sender-good")
	put(t, path, content)
	sum, err := Sum(path)
	if err != nil {
		t.Fatal(err)
	}
	return File{Path: path, SHA256: sum}
}

// put replaces a file as an installer does. The content "self" is this test's program.
func put(t *testing.T, path, content string) {
	t.Helper()
	if content == "self" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		content = string(b)
	}
	if err := os.WriteFile(path+".new", []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func withFile(f func() File) func(*Host) {
	return func(h *Host) { h.file = func(typ string) (File, bool) { return f(), typ == "test" } }
}

// A file in a folder serves as one that comes with the host, what it is written in aside.
func TestSenderOfAFile(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"a program": "self",
		"a script":  "#!/bin/sh\nexec " + self + " sender good\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := pinned(t, content)
			h := newHost(t, "good", withFile(func() File { return f }))
			pid := sendOK(t, h)
			if content != "self" {
				return
			}
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimRight(string(line), "\x00"); got != f.Path {
				t.Errorf("a list of processes shows %q, want %s", got, f.Path)
			}
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			if err != nil || string(name) != "sender-good\n" {
				t.Errorf("its name is %q, %v", name, err)
			}
		})
	}
}

// What runs is what was looked at, whatever becomes of the file meanwhile; and it is
// looked at again for each life.
func TestFileThatIsReplacedIsNotRun(t *testing.T) {
	f := pinned(t, "self")
	h := newHost(t, "good", withFile(func() File { return f }))
	pid := sendOK(t, h)
	put(t, f.Path, "#!/bin/sh\ntouch "+f.Path+".ran\n")
	if again := sendOK(t, h); again != pid {
		t.Error("the process did not stay")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the sender", func() bool { return !exists(pid) })
	_, err := h.Send(t.Context(), delivery(t, act{Do: "ok"}))
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || err == nil || !strings.Contains(err.Error(), "holds something else than is pinned") {
		t.Errorf("send: %v", err)
	}
	if _, err := os.Stat(f.Path + ".ran"); err == nil {
		t.Error("another file than the pinned one was run")
	}
	put(t, f.Path, "self") // three lives with one sum: it is reckoned anew each time
	for range 2 {
		pid = sendOK(t, h)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the end of the sender", func() bool { return !exists(pid) })
	}
}

// A copy that is executed cannot be written to, by the sender neither.
func TestCopyIsSealed(t *testing.T) {
	f := pinned(t, "self")
	h := newHost(t, "good", withFile(func() File { return f }))
	pid := sendOK(t, h)
	for _, path := range []string{fmt.Sprintf("/proc/%d/exe", pid), fmt.Sprintf("/proc/%d/fd/%d", pid, programFD)} {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = w.WriteString("#!/bin/sh\n")
			_ = w.Close()
		}
		if err == nil {
			t.Errorf("%s was written to", path)
		}
	}
}

// Where there is no memory to execute from, the copy is in a private folder.
func TestCopyInAFolder(t *testing.T) {
	dir := shortDir(t)
	c, err := copyInFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c.file, "#!/bin/sh\n"); err != nil {
		t.Fatal(err)
	}
	p, err := c.seal()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(p.path)
	if err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	p.free()
	if c, err = copyInFolder(dir); err != nil {
		t.Fatal(err)
	}
	c.drop()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestFileInUnsafeHands(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, f *File) error
		want   string
	}{
		{"good", func(*testing.T, *File) error { return nil }, ""},
		{"sum in capitals", func(_ *testing.T, f *File) error { f.SHA256 = strings.ToUpper(f.SHA256); return nil }, ""},
		{"another sum", func(_ *testing.T, f *File) error { f.SHA256 = strings.Repeat("0", 64); return nil },
			`pin it with what "bellbuoy plugins hash `},
		{"no sum", func(_ *testing.T, f *File) error { f.SHA256 = ""; return nil }, "holds something else than is pinned"},
		{"writable by the group", func(_ *testing.T, f *File) error { return os.Chmod(f.Path, 0o775) }, "(mode 0775): take that right away: chmod go-w "},
		{"writable by all", func(_ *testing.T, f *File) error { return os.Chmod(f.Path, 0o757) }, "can be changed by others"},
		{"set to run as its owner", func(_ *testing.T, f *File) error { return os.Chmod(f.Path, 0o755|os.ModeSetuid) }, "chmod ug-s "},
		{"of a stranger", func(_ *testing.T, f *File) error { return chown(f.Path) }, "belongs to user 12345, who can change it"},
		{"folder of a stranger", func(_ *testing.T, f *File) error { return chown(filepath.Dir(f.Path)) }, "folder "},
		{"folder writable by all", func(_ *testing.T, f *File) error { return os.Chmod(filepath.Dir(f.Path), 0o777) }, "chmod go-w "},
		{"folder writable by all, sticky", func(_ *testing.T, f *File) error { return os.Chmod(filepath.Dir(f.Path), 0o777|os.ModeSticky) }, "chmod go-w "},
		{"no file", func(_ *testing.T, f *File) error { return os.Remove(f.Path) }, "there is no file "},
		{"a link to the file", func(t *testing.T, f *File) error {
			if err := os.Rename(f.Path, f.Path+".real"); err != nil {
				return err
			}
			return os.Symlink(f.Path+".real", f.Path)
		}, "is a symbolic link, which could lead elsewhere tomorrow: write the path that it leads to, "},
		{"a folder that is a link", func(_ *testing.T, f *File) error {
			dir := filepath.Dir(f.Path)
			f.Path = filepath.Join(dir+".link", filepath.Base(f.Path))
			return os.Symlink(dir, dir+".link")
		}, ".link is a symbolic link"},
		{"a folder above that is a link", func(_ *testing.T, f *File) error {
			above := filepath.Dir(filepath.Dir(f.Path))
			f.Path = filepath.Join(above+".link", "senders", filepath.Base(f.Path))
			t.Cleanup(func() { _ = os.Remove(above + ".link") })
			return os.Symlink(above, above+".link")
		}, ".link is a symbolic link"},
		{"no folder", func(_ *testing.T, f *File) error { f.Path = "/nowhere/at/all/bellbuoy-sender-good"; return nil }, "there is no folder /nowhere: make it"},
		{"a folder that is a file", func(_ *testing.T, f *File) error { f.Path += "/bellbuoy-sender-good"; return nil }, "not a directory"},
		{"a relative path", func(_ *testing.T, f *File) error { f.Path = "senders/bellbuoy-sender-good"; return nil }, "is no absolute path"},
		{"a path with dots", func(_ *testing.T, f *File) error { f.Path = "/tmp/../tmp/bellbuoy-sender-good"; return nil }, "is no absolute path"},
		{"a folder in its place", func(_ *testing.T, f *File) error {
			_ = os.Remove(f.Path)
			return os.Mkdir(f.Path, 0o755)
		}, "is no regular file"},
		{"a pipe in its place", func(_ *testing.T, f *File) error {
			_ = os.Remove(f.Path)
			return syscall.Mkfifo(f.Path, 0o755)
		}, "is no regular file"},
		{"empty", func(t *testing.T, f *File) error { put(t, f.Path, ""); return nil }, "is empty"},
	} {
		if strings.Contains(c.name, "stranger") && os.Geteuid() != 0 {
			continue // only root can give a file away
		}
		t.Run(c.name, func(t *testing.T) {
			f := pinned(t, "#!/bin/sh\n")
			if err := c.change(t, &f); err != nil {
				t.Fatal(err)
			}
			p, err := f.load(shortDir(t))
			if err == nil {
				p.free()
			}
			for _, err := range []error{f.Check(), err} {
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
		})
	}
}

// chown gives a file to a stranger.
func chown(path string) error { return os.Chown(path, 12345, 12345) }

// A sender of a file is refused as any other that does not answer.
func TestFileThatIsNoSender(t *testing.T) {
	f := pinned(t, "#!/bin/sh\necho hello\n")
	h, err := New(Config{
		Command: func(string) ([]string, error) { t.Error("asked for a command"); return nil, nil },
		File:    func(string) (File, bool) { return f, true },
		RunDir:  shortDir(t), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closeHost(t, h)
	if _, err := h.Sender("test").Describe(t.Context()); err == nil || !strings.Contains(err.Error(), "hello") {
		t.Errorf("describe: %v", err)
	}
}
