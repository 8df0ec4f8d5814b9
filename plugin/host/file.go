package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// File is a sender that does not come with the host: a file, and what it must hold.
type File struct {
	Path   string // absolute; its folder and itself may be changed by root and this user only
	SHA256 string // in hexadecimal digits
}

// maxProgram bounds the file of a sender, in bytes. A copy of it is kept in memory.
const maxProgram = 512 << 20

// Check reports whether the file could be run now: whether it is in safe hands and
// holds what it must. The error says what to do.
func (f File) Check() error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return fmt.Errorf("read %s: %w", f.Path, bare(err))
	}
	return f.compare(h.Sum(nil))
}

// Sum returns the SHA-256 of the file of a sender, in hexadecimal digits, whoever may
// change it.
func Sum(path string) (string, error) {
	r, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, bare(err))
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, maxProgram+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read %s: %w", path, bare(err))
	case n == 0:
		return "", fmt.Errorf("%s is empty: it is no sender", path)
	case n > maxProgram:
		return "", fmt.Errorf("%s is larger than %d MiB: no sender may be", path, maxProgram>>20)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (f File) compare(sum []byte) error {
	if got := hex.EncodeToString(sum); !strings.EqualFold(got, f.SHA256) {
		return fmt.Errorf("%s holds something else than is pinned: its SHA-256 is %s, and the pin says %s: "+
			`put the pinned file back, or, if this is a version that you want, pin it with what "bellbuoy plugins hash %s" prints`,
			f.Path, got, strings.ToLower(f.SHA256), f.Path)
	}
	return nil
}

// open opens the file without following a link anywhere on its path, and sees that
// nobody but root and this user can change it or put another in its place.
func (f File) open() (*os.File, error) {
	if !filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path {
		return nil, fmt.Errorf("%s is no absolute path without dots", f.Path)
	}
	dir, name := filepath.Split(f.Path)
	folder, err := openFolder(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if err := safe(folder, "folder"); err != nil {
		return nil, err
	}
	// Not blocking: what is opened may turn out to be a pipe.
	fd, err := openat(int(folder.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, linked(f.Path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s: put the sender there, or remove its pin", f.Path)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w: let bellbuoy's user read it", f.Path, err)
	}
	r := os.NewFile(uintptr(fd), f.Path)
	if err := safe(r, "file"); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// openFolder opens a folder step by step from the root.
func openFolder(path string) (*os.File, error) {
	at := string(filepath.Separator)
	fd, err := unix.Open(at, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for step := range strings.SplitSeq(strings.Trim(path, at), at) {
		if err != nil || step == "" {
			break
		}
		up := fd
		at = filepath.Join(at, step)
		fd, err = openat(up, step, searchOnly|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
		_ = unix.Close(up)
	}
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), path), nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s: make it, or correct plugins.dir", at)
	case isLink(at):
		return nil, linked(at)
	}
	return nil, fmt.Errorf("open folder %s: %w", at, err)
}

func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func linked(path string) error {
	hint := "put the file itself there"
	if to, err := filepath.EvalSymlinks(path); err == nil {
		hint = "write the path that it leads to, " + to
	}
	return fmt.Errorf("%s is a symbolic link, which could lead elsewhere tomorrow: %s", path, hint)
}

// safe sees that only root and this user can change what f is.
func safe(f *os.File, what string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("look at %s: %w", f.Name(), err)
	}
	kind := uint32(st.Mode) & unix.S_IFMT
	mode := uint32(st.Mode) & 0o7777
	switch {
	case what == "file" && kind != unix.S_IFREG:
		return fmt.Errorf("%s is no regular file: put the sender itself there", f.Name())
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s %s belongs to user %d, who can change it: give it to root or to bellbuoy's user: chown %d %s",
			what, f.Name(), st.Uid, os.Geteuid(), f.Name())
	case mode&0o022 != 0:
		return fmt.Errorf("%s %s can be changed by others (mode %04o): take that right away: chmod go-w %s", what, f.Name(), mode, f.Name())
	case what == "file" && mode&(unix.S_ISUID|unix.S_ISGID) != 0:
		return fmt.Errorf("file %s is set to run as its owner or group (mode %04o), which no sender needs: chmod ug-s %s", f.Name(), mode, f.Name())
	case what == "file" && st.Size == 0:
		return fmt.Errorf("file %s is empty: put the sender there", f.Name())
	case what == "file" && st.Size > maxProgram:
		return fmt.Errorf("file %s is larger than %d MiB: no sender may be", f.Name(), maxProgram>>20)
	}
	return nil
}

// bare takes off an error the path that is said anyway.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// program is a copy of a sender's file that nobody can change, made for one start.
type program struct {
	path string   // to execute, as the new process sees it
	file *os.File // for the new process, as the first descriptor after that of the life pipe; may be nil
	free func()   // when it has started, or could not
}

// load copies the file into private, a folder of this user only or into memory, and
// sees that what was copied is what is pinned.
func (f File) load(private string) (program, error) {
	r, err := f.open()
	if err != nil {
		return program{}, err
	}
	defer r.Close()
	w, err := newCopy(private)
	if err != nil {
		return program{}, fmt.Errorf("copy %s: %w", f.Path, err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w.file, h), io.LimitReader(r, maxProgram+1))
	if err == nil && n > maxProgram {
		err = errors.New("it grows")
	}
	if err == nil {
		err = f.compare(h.Sum(nil))
	} else {
		err = fmt.Errorf("copy %s: %w", f.Path, err)
	}
	if err != nil {
		w.drop()
		return program{}, err
	}
	p, err := w.seal()
	if err != nil {
		w.drop()
		return program{}, fmt.Errorf("seal the copy of %s: %w", f.Path, err)
	}
	return p, nil
}

// fileCopy is a copy of a program in a folder, where there is no better way.
type fileCopy struct{ file *os.File }

func copyInFolder(private string) (*fileCopy, error) {
	// A process that another goroutine starts meanwhile would inherit the descriptor for
	// a moment, and nothing can be executed that somebody has open to write.
	syscall.ForkLock.RLock()
	file, err := os.CreateTemp(private, "sender")
	if err != nil {
		syscall.ForkLock.RUnlock()
		return nil, err
	}
	return &fileCopy{file}, nil
}

func (c *fileCopy) seal() (program, error) {
	path := c.file.Name()
	err := c.file.Chmod(0o500)
	err = errors.Join(err, c.file.Close())
	if err != nil {
		return program{}, err // drop follows
	}
	syscall.ForkLock.RUnlock()
	return program{path: path, free: func() { _ = os.Remove(path) }}, nil
}

func (c *fileCopy) drop() {
	_ = c.file.Close()
	_ = os.Remove(c.file.Name())
	syscall.ForkLock.RUnlock()
}
