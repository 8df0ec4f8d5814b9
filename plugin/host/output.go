package host

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// What a sender prints goes to the log up to these bounds, the rest is counted.
const (
	maxLine     = 4 << 10   // bytes of a line that are kept
	lineCost    = 64        // the least that a line counts for, in bytes
	outputRate  = 64 << 10  // bytes a second
	outputBurst = 1 << 20   // bytes
	floodLimit  = 256 << 20 // bytes dropped in a minute that end the process: reading them costs a processor
)

// output passes what a process prints on to the log, line by line, as fast as it
// comes, so that the process never waits; what is beyond the rate is dropped.
type output struct {
	log  *slog.Logger
	now  func() time.Time
	keep *memory      // remembers the last; may be nil
	pid  atomic.Int64 // of the process; 0 until it has one
	// flooded is told once when far more is printed than anybody could read; may be nil.
	flooded func()

	mu      sync.Mutex
	tokens  float64
	filled  time.Time
	dropped int // lines, since the log was last told
	total   int // lines dropped in all
	flood   int // bytes dropped since the minute began
	minute  time.Time
}

func newOutput(log *slog.Logger, now func() time.Time) *output {
	return &output{log: log, now: now, tokens: outputBurst, filled: now()}
}

// drain reads r to its end.
func (o *output) drain(r io.Reader) {
	defer o.flush()
	lines := bufio.NewReaderSize(r, maxLine)
	within := false // a line whose beginning is already logged
	for {
		part, err := lines.ReadSlice('\n')
		if within {
			o.spill(len(part))
		} else {
			o.line(part)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
		within = err != nil
	}
}

// Write takes what a sender that redirects its own output sends over the wire.
func (o *output) Write(p []byte) (int, error) {
	for part := range bytes.Lines(p) {
		o.line(part)
	}
	return len(p), nil
}

func (o *output) line(raw []byte) {
	raw = bytes.TrimRight(raw, "\r\n")
	if len(raw) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	o.tokens = min(outputBurst, o.tokens+now.Sub(o.filled).Seconds()*outputRate)
	o.filled = now
	cost := float64(max(len(raw), lineCost))
	if o.tokens < cost {
		o.drop(len(raw), now)
		return
	}
	o.tokens -= cost
	o.tell()
	text := printable(raw[:min(len(raw), maxLine)])
	if o.keep != nil {
		o.keep.add(Line{Time: now, PID: int(o.pid.Load()), Text: text})
	}
	o.log.Info("sender says", "line", text)
}

// drop counts a line that is not told.
func (o *output) drop(size int, now time.Time) {
	o.dropped++
	o.total++
	o.waste(size, now)
}

// spill counts what is more of a line than is told.
func (o *output) spill(size int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waste(size, o.now())
}

func (o *output) waste(size int, now time.Time) {
	if now.Sub(o.minute) > time.Minute {
		o.minute, o.flood = now, 0
	}
	if o.flood += size; o.flood > floodLimit && o.flooded != nil {
		o.flooded()
		o.flooded = nil
	}
}

// lost is how many lines were dropped.
func (o *output) lost() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// flush tells of lines that were dropped last.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tell()
}

func (o *output) tell() {
	if o.dropped > 0 {
		o.log.Warn("sender says too much, lines dropped", "lines", o.dropped)
		o.dropped = 0
	}
}

// printable strips what could forge lines or move a terminal's cursor: control and
// format characters (bidirectional overrides among them), and bytes that are no UTF-8.
func printable(raw []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.Is(unicode.C, r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(raw), "\uFFFD"))
}
