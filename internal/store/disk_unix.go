//go:build linux || darwin || freebsd

package store

import "golang.org/x/sys/unix"

// diskOf tells of the disk that a folder is on; false where the system does not.
func diskOf(folder string) (disk, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil || st.Blocks == 0 {
		return disk{}, false
	}
	block := int64(st.Bsize)
	return disk{size: int64(st.Blocks) * block, free: int64(st.Bavail) * block}, true
}
