package host

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// lines runs in through an output whose clock stands still and returns what is logged.
func lines(t *testing.T, in string, o func(*output)) (said []string, dropped int) {
	t.Helper()
	var log bytes.Buffer
	now := time.Unix(1e9, 0)
	out := newOutput(slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time { return now })
	if o != nil {
		o(out)
	}
	out.drain(strings.NewReader(in))
	for line := range bytes.Lines(log.Bytes()) {
		var entry struct {
			Line  string `json:"line"`
			Lines int    `json:"lines"`
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Lines > 0 {
			dropped += entry.Lines
			continue
		}
		said = append(said, entry.Line)
	}
	return said, dropped
}

func TestOutputIsMadeHarmless(t *testing.T) {
	said, dropped := lines(t, "one\r\n\n\ta\x1b[31mred\x00\u202Egnp.exe\u2028\xff\r\rb\nlast", nil)
	want := []string{"one", " a[31mredgnp.exe\uFFFDb", "last"}
	if strings.Join(said, "|") != strings.Join(want, "|") || dropped != 0 {
		t.Errorf("%q, %d dropped", said, dropped)
	}
}

func TestLongLineIsCut(t *testing.T) {
	said, _ := lines(t, strings.Repeat("x", 1<<20)+"\nnext\n"+strings.Repeat("y", maxLine+1), nil)
	if len(said) != 3 || len(said[0]) != maxLine || said[1] != "next" || len(said[2]) != maxLine {
		t.Errorf("%d lines", len(said))
	}
}

func TestFloodIsDroppedAndCounted(t *testing.T) {
	const n = 100_000
	said, dropped := lines(t, strings.Repeat("x\n", n), nil)
	if len(said) != outputBurst/lineCost || len(said)+dropped != n {
		t.Errorf("%d said, %d dropped", len(said), dropped)
	}
	// What is saved up in quiet times is bounded, and comes back with time.
	said, dropped = lines(t, strings.Repeat("x\n", n), func(o *output) {
		o.tokens = 0
		o.filled = o.now().Add(-2 * time.Second)
	})
	if len(said) != 2*outputRate/lineCost || len(said)+dropped != n {
		t.Errorf("after two seconds: %d said, %d dropped", len(said), dropped)
	}
}
