package host

import (
	"sync"
	"time"
)

// What is remembered of what a sender printed.
const (
	maxLines     = 200
	maxLineBytes = 64 << 10 // of all of them
)

// Line is a line that a sender printed, without what could move a terminal's cursor.
type Line struct {
	Time time.Time
	PID  int // of the process; 0 where it had none yet
	Text string
}

// memory remembers the last that the processes of one type printed.
type memory struct {
	mu    sync.Mutex
	list  []Line
	bytes int
}

func (l *memory) add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, line)
	l.bytes += len(line.Text)
	drop := 0
	for len(l.list)-drop > maxLines || l.bytes > maxLineBytes {
		l.bytes -= len(l.list[drop].Text)
		drop++
	}
	l.list = append(l.list[:0], l.list[drop:]...)
}

func (l *memory) last() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Line(nil), l.list...)
}
