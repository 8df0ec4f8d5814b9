package config

import (
	"crypto/sha256"
	"io"
	"os"
)

// Read is a file that a configuration was read from, as it was then: its own file, the
// registry's, or one that holds a secret or a certificate.
type Read struct {
	Path string
	// Sum is that of the contents; zero where they could not be read.
	Sum [sha256.Size]byte
}

// Reads are the files that c was read from, each once, those too that could not be read.
func (c *Config) Reads() []Read {
	var list []Read
	said := map[Read]bool{{}: true}
	for _, r := range c.reads {
		if !said[r] {
			said[r] = true
			list = append(list, r)
		}
	}
	return list
}

// readOf notes that data was read; nil if that failed.
func readOf(path string, data []byte) Read {
	r := Read{Path: path}
	if data != nil {
		r.Sum = sha256.Sum256(data)
	}
	return r
}

// maxWatched is how much of a file is looked at: all of it, even of a plugin.
const maxWatched = 1 << 30

// Changed reports whether the file holds something else now, or is gone, or has come.
// What is no regular file cannot be read twice, and never changes.
func (r Read) Changed() bool {
	return sum(r) != r.Sum
}

func sum(r Read) (now [sha256.Size]byte) {
	// Looked at before it is opened: to open a pipe would wait for its writer.
	info, err := os.Stat(r.Path)
	if err == nil && !info.Mode().IsRegular() {
		return r.Sum
	}
	if err != nil {
		return now
	}
	f, err := os.Open(r.Path)
	if err != nil {
		return now
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxWatched)); err != nil {
		return now
	}
	h.Sum(now[:0])
	return now
}
