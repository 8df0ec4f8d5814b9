package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// searchOnly opens a folder to go on from it, which takes no right to list it.
const searchOnly = unix.O_PATH

// memoryCopy is a copy of a program in memory: no folder has to allow execution, and
// once it is sealed nobody can change it, we neither.
type memoryCopy struct{ file *os.File }

// copier is a copy that is being written.
type copier struct {
	file *os.File
	seal func() (program, error)
	drop func()
}

func newCopy(private string) (copier, error) {
	fd, err := unix.MemfdCreate("bellbuoy-sender", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err != nil { // a kernel before 6.3 does not know the last
		fd, err = unix.MemfdCreate("bellbuoy-sender", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		c, err := copyInFolder(private)
		if err != nil {
			return copier{}, err
		}
		return copier{c.file, c.seal, c.drop}, nil
	}
	c := memoryCopy{os.NewFile(uintptr(fd), "copy in memory")}
	return copier{c.file, c.seal, func() { _ = c.file.Close() }}, nil
}

func (c memoryCopy) seal() (program, error) {
	if err := c.file.Chmod(0o500); err != nil {
		return program{}, err
	}
	const all = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(c.file.Fd(), unix.F_ADD_SEALS, all); err != nil {
		return program{}, err
	}
	// What is open to write cannot be executed.
	again, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", c.file.Fd()))
	if err != nil {
		return program{}, err
	}
	_ = c.file.Close()
	return program{path: fmt.Sprintf("/proc/self/fd/%d", programFD), file: again, free: func() { _ = again.Close() }}, nil
}
