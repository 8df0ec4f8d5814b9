package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// bar shows on a terminal how far something is, and elsewhere nothing.
type bar struct {
	w     io.Writer // nil where nobody watches
	what  string    // is counted
	shown bool
}

// newBar makes a bar for w, which must be a terminal to be written to.
func newBar(w io.Writer, what string) *bar {
	f, ok := w.(*os.File)
	if !ok {
		return &bar{}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &bar{}
	}
	return &bar{w: w, what: what}
}

// show says that so many of about so many are done.
func (b *bar) show(done, of int) {
	if b.w == nil || of <= 0 {
		return
	}
	const width = 30
	full := min(width, width*done/of)
	fmt.Fprintf(b.w, "\r[%s%s] %d of %d %s", strings.Repeat("#", full), strings.Repeat(".", width-full), done, of, b.what)
	b.shown = true
}

// clear takes the bar off again.
func (b *bar) clear() {
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
