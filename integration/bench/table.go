//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// figures are one round's, by the name of the row.
type figures map[string]float64

// The rows of the comparison. Those with a number in them are one for each number of
// connections.
const (
	rowDelivered = "delivered/s, connections: %d"
	rowCPU       = "CPU ms per 1 000 events, connections: %d"
	rowP50       = "end to end at 300/s, p50, ms"
	rowP99       = "end to end at 300/s, p99, ms"
	rowRegistry  = "accepted/s, one after the other, by a registry's own code"
	rowNew1      = "accepted/s, new connection each, posters: 1"
	rowNew16     = "accepted/s, new connection each, posters: 16"
	rowIdle      = "memory (PSS) idle, MiB"
	rowLoaded    = "memory (PSS) under load, MiB"
	rowReady     = "start to ready, ms"
	rowMatch     = "10 000 rules, 10 000 targets, p99 match, ms"
	rowBinary    = "binary, static, MB"
)

// line is one row of a table, and what is wanted of it.
type line struct {
	name string
	want want
}

// want is what a figure is to be at least, and what it should be. The zero want asks
// for nothing.
type want struct {
	least, goal float64
	less        bool    // the less the better
	ratio       bool    // of the ratio to the relay, not of the figure
	relay       float64 // for the goal, the ratio must not be more than this either; 0 = any
}

func sideLines() []line {
	connecting := want{least: 1000, goal: 1500}
	lines := []line{
		{fmt.Sprintf(rowDelivered, 1), want{least: 0.55, goal: 0.65, ratio: true}},
		{fmt.Sprintf(rowDelivered, 16), want{least: 0.60, goal: 0.70, ratio: true}},
		{fmt.Sprintf(rowDelivered, 128), want{least: 0.60, goal: 0.70, ratio: true}},
	}
	for _, connections := range []int{1, 16, 128} {
		lines = append(lines, line{fmt.Sprintf(rowCPU, connections), want{least: 2.2, goal: 1.8, less: true, ratio: true}})
	}
	return append(lines,
		line{rowP50, want{least: 3, goal: 2, less: true}},
		line{rowP99, want{least: 10, goal: 5, less: true, relay: 2}},
		line{rowRegistry, connecting},
		line{rowNew1, connecting},
		line{rowNew16, connecting},
		line{rowIdle, want{least: 40, goal: 30, less: true}},
		line{rowLoaded, want{least: 150, goal: 100, less: true}},
		line{rowReady, want{least: 300, goal: 150, less: true}},
		line{rowMatch, want{least: 5, goal: 1, less: true}},
		line{rowBinary, want{least: 36, goal: 32, less: true}},
	)
}

// The verdicts.
const (
	isGoal    = "goal"
	isLeast   = "at least"
	isShort   = "**short**"
	withRelay = ", and so is the relay"
)

// meets returns whether v is as good as bound.
func (w want) meets(v, bound float64) bool {
	if w.less {
		return v <= bound
	}
	return v >= bound
}

// verdict judges a figure, the relay's, and their ratio; 0 where there is none.
func (w want) verdict(value, relay, ratio float64) string {
	judged := value
	if w.ratio {
		judged = ratio
	}
	switch {
	case w == want{}:
		return ""
	case judged == 0:
		return "not measured"
	case w.meets(judged, w.goal) && (w.relay == 0 || ratio > 0 && ratio <= w.relay):
		return isGoal
	case w.meets(judged, w.least):
		return isLeast
	case !w.ratio && relay > 0 && !w.meets(relay, w.least):
		return isShort + withRelay // the machine does not give more
	}
	return isShort
}

// bounds are what is wanted, as the table says it.
func (w want) bounds() (least, goal string) {
	if (w == want{}) {
		return "", ""
	}
	unit := ""
	if w.ratio {
		unit = " x"
	}
	sign := "≥ "
	if w.less {
		sign = "≤ "
	}
	least, goal = sign+short(w.least)+unit, sign+short(w.goal)+unit
	if w.relay > 0 {
		goal += " and " + short(w.relay) + " x"
	}
	return least, goal
}

// section is one table, by the name that its place in the document has.
type section struct {
	name string
	head []string
	rows [][]string
}

const (
	sectionSide    = "beside the relay"
	sectionWaiting = "deliveries that wait"
	sectionCost    = "cost per event"
	sectionSenders = "memory of senders"
)

// sideTable shows the medians of relay and bellbuoy, and of the ratio inside each
// round, with the lowest and the highest.
func sideTable(relay, ours []figures) section {
	s := section{name: sectionSide, head: []string{"figure", "relay", "bellbuoy", "ratio", "at least", "goal", "verdict"}}
	for _, l := range sideLines() {
		base, values := column(relay, l.name), column(ours, l.name)
		quotients := ratios(ours, relay, l.name)
		least, goal := l.want.bounds()
		s.rows = append(s.rows, []string{
			l.name, spread(base), spread(values), spread(quotients), least, goal,
			l.want.verdict(median(values), median(base), median(quotients)),
		})
	}
	return s
}

// oneTable shows the medians of one system.
func oneTable(name string, lines []line, rows []figures) section {
	s := section{name: name, head: []string{"figure", "bellbuoy", "at least", "goal", "verdict"}}
	for _, l := range lines {
		values := column(rows, l.name)
		least, goal := l.want.bounds()
		s.rows = append(s.rows, []string{l.name, spread(values), least, goal, l.want.verdict(median(values), 0, 0)})
	}
	return s
}

// print writes the table as Markdown that can also be read as it is.
func (s section) print(out io.Writer) error {
	widths := make([]int, len(s.head))
	all := append([][]string{s.head}, s.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range all {
		b.WriteString("|")
		for i, cell := range row {
			fmt.Fprintf(&b, " %-*s |", widths[i], cell)
		}
		b.WriteString("\n")
		if n == 0 {
			b.WriteString("|")
			for _, w := range widths {
				b.WriteString(strings.Repeat("-", w+2) + "|")
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// column is what was measured of a row, round by round.
func column(rows []figures, name string) []float64 {
	var values []float64
	for _, f := range rows {
		if v := f[name]; v != 0 {
			values = append(values, v)
		}
	}
	return values
}

// ratios are those to base, round by round, where both were measured.
func ratios(rows, base []figures, name string) []float64 {
	var out []float64
	for round := range min(len(rows), len(base)) {
		if v, to := rows[round][name], base[round][name]; v != 0 && to != 0 {
			out = append(out, v/to)
		}
	}
	return out
}

// spread is the median, with the lowest and the highest where there are several.
func spread(values []float64) string {
	switch {
	case len(values) == 0:
		return ""
	case len(values) == 1, slices.Min(values) == slices.Max(values):
		return number(values[0])
	}
	return fmt.Sprintf("%s (%s to %s)", number(median(values)), number(slices.Min(values)), number(slices.Max(values)))
}

func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(n-1)/2] + s[n/2]) / 2
}

// number writes three digits of what is small, and thousands apart of what is large.
func number(v float64) string {
	switch {
	case v >= 1000:
		return thousands(int(v + 0.5))
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 0.1 || v == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func short(v float64) string {
	if v >= 1000 {
		return thousands(int(v))
	}
	if v == float64(int(v)) {
		return strconv.Itoa(int(v))
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// count is a number of things, in words that a table has room for.
func count(n int, thing string) string {
	many := thing + "s"
	if stem, ok := strings.CutSuffix(thing, "y"); ok {
		many = stem + "ies"
	}
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + thing
	}
	return thousands(n) + " " + many
}
