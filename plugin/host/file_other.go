//go:build unix && !linux

package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// searchOnly opens a folder to go on from it.
const searchOnly = unix.O_RDONLY

// copier is a copy that is being written.
type copier struct {
	file *os.File
	seal func() (program, error)
	drop func()
}

func newCopy(private string) (copier, error) {
	c, err := copyInFolder(private)
	if err != nil {
		return copier{}, err
	}
	return copier{c.file, c.seal, c.drop}, nil
}
