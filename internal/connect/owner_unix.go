//go:build unix

package connect

import (
	"io/fs"
	"os"
	"syscall"
)

// own gives f to the owner that info says.
func own(f *os.File, info fs.FileInfo) error {
	to, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := now.Sys().(*syscall.Stat_t); ok && is.Uid == to.Uid && is.Gid == to.Gid {
		return nil
	}
	return f.Chown(int(to.Uid), int(to.Gid))
}
