//go:build !unix

package connect

import (
	"io/fs"
	"os"
)

// own can do nothing here: who owns a file is up to its folder.
func own(*os.File, fs.FileInfo) error { return nil }
