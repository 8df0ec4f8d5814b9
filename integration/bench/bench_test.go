//go:build linux

package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// The relay runs in a process of its own: in tests, this test's program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "relay" {
		main()
		return
	}
	os.Exit(m.Run())
}

// newBench is a run of very few events.
func newBench(t *testing.T) *bench {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	load, err := newEnvelopes(apps)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := startSink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	o := options{rounds: 1, scale: 0.02, stored: []int{300}, waiting: 1000}
	return &bench{o: o, dir: t.TempDir(), relay: relay(self), sink: sink, load: load}
}

func TestMeasureRelay(t *testing.T) {
	b := newBench(t)
	f, err := b.measure(t.Context(), b.relay)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range sideLines() {
		// In so short a time the CPU's clock may not have ticked.
		if f[l.name] <= 0 && l.name != rowBinary && l.name != rowMatch && !strings.HasPrefix(l.name, "CPU") {
			t.Errorf("%s: %v", l.name, f[l.name])
		}
	}
}

// What is put into a store is what bellbuoy would have put there: it takes it up.
func TestMeasureBellbuoy(t *testing.T) {
	b := newBench(t)
	var err error
	if b.program, err = sidecar.Build(t.Context(), "../..", b.dir, false); err != nil {
		t.Fatal(err)
	}
	waiting, err := b.waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	complete(t, waiting)
	for _, p := range []plan{{shape{apps, 100}, 0, 0}, {one, 300, 0}} {
		dir := ""
		if p.stored > 0 {
			dir = b.dir + "/stored"
			if err := b.fill(t.Context(), dir, p.stored, true); err != nil {
				t.Fatal(err)
			}
		}
		f, err := b.cost(t.Context(), p, dir)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, costTable([]plan{p}, [][]figures{{f}}))
	}
}

// complete checks that every row of s has a figure.
func complete(t *testing.T, s section) {
	t.Helper()
	for _, row := range s.rows {
		if row[1] == "" {
			t.Errorf("%s: no figure in %q", s.name, row)
		}
	}
}

func TestMatching(t *testing.T) {
	p99, err := matching(80)
	if err != nil || p99 <= 0 {
		t.Errorf("%v ms, %v", p99, err)
	}
}

func TestSideTable(t *testing.T) {
	s := sideTable(
		[]figures{{rowP50: 1}, {rowP50: 2}, {rowP50: 4}},
		[]figures{{rowP50: 2}, {rowP50: 6}, {rowP50: 4, rowBinary: 30}},
	)
	for name, want := range map[string][]string{
		// Medians of the figures, and of the ratios 2, 3 and 1.
		rowP50:    {"2.00 (1.00 to 4.00)", "4.00 (2.00 to 6.00)", "2.00 (1.00 to 3.00)", "≤ 3", "≤ 2", isShort},
		rowBinary: {"", "30.0", "", "≤ 36", "≤ 32", isGoal},
		rowReady:  {"", "", "", "≤ 300", "≤ 150", "not measured"},
	} {
		i := slices.IndexFunc(s.rows, func(row []string) bool { return row[0] == name })
		if i < 0 || !slices.Equal(s.rows[i][1:], want) {
			t.Errorf("%s: %q, want %q", name, s.rows, want)
		}
	}
}

func TestVerdict(t *testing.T) {
	of := want{least: 0.6, goal: 0.7, ratio: true}
	slow := want{least: 10, goal: 5, less: true, relay: 2}
	many := want{least: 1000, goal: 1500}
	for _, c := range []struct {
		want                want
		value, relay, ratio float64
		verdict             string
	}{
		{of, 7000, 10_000, 0.7, isGoal},
		{of, 6500, 10_000, 0.65, isLeast},
		{of, 5000, 10_000, 0.5, isShort},
		{of, 0, 0, 0, "not measured"},
		{slow, 5, 2.5, 2, isGoal},
		{slow, 5, 2, 2.5, isLeast}, // fast, but more than twice the relay
		{slow, 11, 2, 5.5, isShort},
		{slow, 40, 30, 1.33, isShort + withRelay},
		{many, 1600, 3000, 0.53, isGoal},
		{many, 900, 950, 0.95, isShort + withRelay},
		{many, 900, 1100, 0.82, isShort},
		{want{}, 900, 1100, 0.82, ""},
	} {
		if got := c.want.verdict(c.value, c.relay, c.ratio); got != c.verdict {
			t.Errorf("%+v: %v beside %v is %q, want %q", c.want, c.value, c.relay, got, c.verdict)
		}
	}
}

func TestCostTable(t *testing.T) {
	all := []plan{{one, 0, 0}, {shape{100, 1}, 0, 0}, {shape{apps, 1}, 0, 0}}
	s := costTable(all, [][]figures{
		{{costCPU: 100, costEnd: 1}, {costCPU: 200, costEnd: 1}},
		{{costCPU: 110, costEnd: 1}, {costCPU: 220, costEnd: 1}},
		{{costCPU: 100, costEnd: 2}, {costCPU: 200, costEnd: 3}},
	})
	for i, want := range []string{"", staysSame, grows} {
		if got := s.rows[i][len(s.rows[i])-1]; got != want {
			t.Errorf("%s: %q, want %q", s.rows[i][0], got, want)
		}
	}
	if got, want := s.rows[2][5], "2.50 (2.00 to 3.00)"; got != want {
		t.Errorf("ratio %q, want %q", got, want)
	}
}

// Of every shape each repository has a rule of its own, and only one, or shares it.
func TestConditions(t *testing.T) {
	for _, s := range []shape{one, {100, 1}, {apps, apps}} {
		seen := map[string]bool{}
		for i := range s.rules {
			seen[s.condition(i)] = true
		}
		if len(seen) != s.rules {
			t.Errorf("%+v: %d conditions", s, len(seen))
		}
	}
}

func TestOptions(t *testing.T) {
	with := func(change func(*options)) options {
		o := wholeRun()
		o.root = "../.."
		change(&o)
		return o
	}
	for name, o := range map[string]options{
		"a part that is none":           with(func(o *options) { o.parts = "side,other" }),
		"no rounds":                     with(func(o *options) { o.rounds = 0 }),
		"no events":                     with(func(o *options) { o.scale = 0 }),
		"a document of a short run":     with(func(o *options) { o.short, o.write = true, "docs/performance.md" }),
		"a document of few events":      with(func(o *options) { o.scale, o.write = 0.5, "docs/performance.md" }),
		"a document that is not there":  with(func(o *options) { o.write = "docs/none.md" }),
		"a document without the places": with(func(o *options) { o.write = "README.md" }),
	} {
		if err := o.check(0); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	o := with(func(o *options) { o.short = true })
	if err := o.check(0); err != nil {
		t.Fatal(err)
	}
	if o.rounds != 1 || o.waiting >= 1_000_000 || o.stored[1] >= 1_000_000 {
		t.Errorf("a short run is %+v", o)
	}
	o = with(func(o *options) { o.write = "docs/performance.md" })
	if err := o.check(0); err != nil || !o.has("side") || !o.has("waiting") || !o.has("cost") {
		t.Errorf("a whole run is %+v: %v", o, err)
	}
}

// The document's tables are those that a whole run makes, row by row.
func TestDocument(t *testing.T) {
	const file = "../../docs/performance.md"
	if err := checkDocument(file); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := plans(wholeRun())
	for _, s := range []section{
		sideTable(nil, nil), oneTable(sectionWaiting, waitingLines(), nil), costTable(all, make([][]figures, len(all))), sendersTable(nil),
	} {
		from, to, err := place(doc, s.name)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for line := range strings.Lines(string(doc[from:to])) {
			if cells := strings.Split(line, "|"); len(cells) > 1 && !strings.HasPrefix(cells[1], "--") {
				names = append(names, strings.TrimSpace(cells[1]))
			}
		}
		want := []string{s.head[0]}
		for _, row := range s.rows {
			want = append(want, row[0])
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: the document has the rows\n%s\nand the bench makes\n%s\nrun make bench BENCH=\"-write docs/performance.md\"",
				s.name, strings.Join(names, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestInsert(t *testing.T) {
	doc := []byte("before\n<!-- bench: x -->\nold\n<!-- end of x -->\nafter\n")
	s := section{name: "x", head: []string{"figure", "n"}, rows: [][]string{{"a", "1 000"}}}
	for range 2 { // what was inserted is replaced
		var err error
		if doc, err = s.insert(doc, "Here."); err != nil {
			t.Fatal(err)
		}
	}
	want := `before
<!-- bench: x -->

Here.

| figure | n     |
|--------|-------|
| a      | 1 000 |

<!-- end of x -->
after
`
	if !bytes.Equal(doc, []byte(want)) {
		t.Errorf("the document says\n%s\nwant\n%s", doc, want)
	}
	if _, err := s.insert([]byte("<!-- bench: x -->\n"), ""); err == nil {
		t.Error("a place without an end was taken")
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0.0312: "0.031", 0.5: "0.50", 42.04: "42.0", 123.4: "123", 1234567.6: "1 234 568"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}
