package disk

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// Image is what a disk has: files by their names.
type Image map[string][]byte

func (i Image) names() []string { return slices.Sorted(maps.Keys(i)) }

// Write puts the files into a folder.
func (i Image) Write(dir string) error {
	for name, b := range i {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("write an image: %w", err)
		}
	}
	return nil
}

// entry is one line of a record.
type entry struct {
	kind   Kind
	file   int
	name   string // of an Open, which makes it, or a Delete
	offset int64  // of a write; the size that a file is cut to
	data   []byte
	upTo   int  // of a sync: what came before that is durable
	folder bool // the names are, too
}

// History is a record of what was done to a disk.
type History struct {
	start Image
	files int
	log   []entry
}

// Len is how long the history is: power can be cut at 0 to Len.
func (h *History) Len() int { return len(h.log) }

// Cuts goes through so many cuts at points by chance, in their order.
func (h *History) Cuts(n int, r *rand.Rand) iter.Seq2[int, Image] {
	points := make([]int, n)
	for i := range points {
		points[i] = r.IntN(h.Len() + 1)
	}
	slices.Sort(points)
	return func(yield func(int, Image) bool) {
		c := h.Cutter()
		for _, at := range points {
			c.To(at)
			if !yield(at, c.Cut(r)) {
				return
			}
		}
	}
}

// Cutter goes through a history and tells what the disk may have where power is cut.
type Cutter struct {
	h     *History
	at    int
	files []*content
	names map[string]int // that are durable
	moved []numbered     // names that were made or deleted since
}

// content is a file: what it has for sure, and what was done to it since.
type content struct {
	bytes   []byte
	pending []numbered
}

type numbered struct {
	n int
	entry
}

// Cutter begins at the beginning of a history.
func (h *History) Cutter() *Cutter {
	c := &Cutter{h: h, names: map[string]int{}, files: make([]*content, h.files)}
	for i := range c.files {
		c.files[i] = &content{}
	}
	for i, name := range h.start.names() {
		c.names[name], c.files[i].bytes = i, slices.Clone(h.start[name])
	}
	return c
}

// To goes on to a point of the history, which must not lie before the last one.
func (c *Cutter) To(at int) {
	for ; c.at < at; c.at++ {
		e := c.h.log[c.at]
		switch e.kind {
		case Open, Delete:
			c.moved = append(c.moved, numbered{c.at, e})
			if e.folder {
				c.settle(c.at + 1)
			}
		case Write, Truncate:
			f := c.files[e.file]
			f.pending = append(f.pending, numbered{c.at, e})
		case Sync:
			f := c.files[e.file]
			n := 0
			for ; n < len(f.pending) && f.pending[n].n < e.upTo; n++ {
				f.bytes = f.pending[n].whole(f.bytes)
			}
			f.pending = slices.Delete(f.pending, 0, n)
			if e.folder {
				c.settle(e.upTo)
			}
		}
	}
}

// settle makes the names durable that were made or deleted before a point.
func (c *Cutter) settle(upTo int) {
	n := 0
	for ; n < len(c.moved) && c.moved[n].n < upTo; n++ {
		move(c.names, c.moved[n].entry)
	}
	c.moved = slices.Delete(c.moved, 0, n)
}

func move(names map[string]int, e entry) {
	if e.kind == Open {
		names[e.name] = e.file
	} else if names[e.name] == e.file {
		delete(names, e.name)
	}
}

// whole does to b what the entry says.
func (e entry) whole(b []byte) []byte {
	if e.kind == Truncate {
		return resized(b, e.offset)
	}
	b = resized(b, max(int64(len(b)), e.offset+int64(len(e.data))))
	copy(b[e.offset:], e.data)
	return b
}

func resized(b []byte, size int64) []byte {
	if n := int64(len(b)); size > n {
		return append(b, make([]byte, size-n)...)
	}
	return b[:size]
}

// Cut is what the disk may have when power is cut here. All that was synced is there. Of
// what was written since, each sector is there or not, by chance, whatever came before or
// after it; so with cuts of a file, and with names.
func (c *Cutter) Cut(r *rand.Rand) Image {
	out := Image{}
	names := maps.Clone(c.names)
	kept := shares[r.IntN(len(shares))]
	for _, m := range c.moved {
		if r.Float64() < kept {
			move(names, m.entry)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := c.files[names[name]]
		b := slices.Clone(f.bytes)
		kept := shares[r.IntN(len(shares))]
		stop := len(f.pending)
		if stop > 0 && r.IntN(4) == 0 { // a disk that writes in order, mostly
			stop = r.IntN(stop)
			kept = max(kept, 1-0.5*r.Float64())
		}
		for _, p := range f.pending[:stop] {
			b = p.torn(b, r, kept)
		}
		out[name] = b
	}
	return out
}

// shares are how much is kept, in one case or another, of what was not synced.
var shares = [...]float64{0, 0.03, 0.5, 0.5, 0.97, 1}

// torn does to b a part of what the entry says.
func (e entry) torn(b []byte, r *rand.Rand, kept float64) []byte {
	if e.kind == Truncate {
		if r.Float64() < kept {
			return resized(b, e.offset)
		}
		return b
	}
	for from := int64(0); from < int64(len(e.data)); {
		to := min(int64(len(e.data)), from+sector-(e.offset+from)%sector)
		switch {
		case r.Float64() < kept:
			part := entry{kind: Write, offset: e.offset + from, data: e.data[from:to]}
			b = part.whole(b)
		case r.IntN(16) == 0: // the file has become longer, and its end is not written
			b = resized(b, max(int64(len(b)), e.offset+to))
		}
		from = to
	}
	return b
}
