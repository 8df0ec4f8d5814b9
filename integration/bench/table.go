//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// The rows of the table. Those with a number in them are one for each number of
// connections.
const (
	rowDelivered = "delivered/s, connections: %d"
	rowCPU       = "CPU ms per 1000 events, connections: %d"
	rowP50       = "end to end at 300 events/s, p50, ms"
	rowP99       = "end to end at 300 events/s, p99, ms"
	rowNew1      = "accepted/s, new connection each, posters: 1"
	rowNew16     = "accepted/s, new connection each, posters: 16"
	rowIdle      = "memory idle, MiB"
	rowLoaded    = "memory under load, MiB"
	rowReady     = "start to ready, ms"
	rowBinary    = "binary, MB"
)

func rowNames() []string {
	var names []string
	for _, row := range []string{rowDelivered, rowCPU} {
		for _, connections := range []int{1, 16, 128} {
			names = append(names, fmt.Sprintf(row, connections))
		}
	}
	return append(names, rowP50, rowP99, rowNew1, rowNew16, rowIdle, rowLoaded, rowReady, rowBinary)
}

// table prints the median of every figure, and for all but the first system the
// median of its ratios to the first, round by round, with the lowest and highest.
func table(out io.Writer, systems []system, rows map[string][]figures) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-46s", "")
	for i, s := range systems {
		fmt.Fprintf(&b, "%10s", s.name)
		if i > 0 {
			fmt.Fprintf(&b, "%8s  %-12s", "ratio", "low to high")
		}
	}
	fmt.Fprintln(&b)
	base := rows[systems[0].name]
	for _, name := range rowNames() {
		fmt.Fprintf(&b, "%-46s", name)
		for i, s := range systems {
			var values, ratios []float64
			for round, f := range rows[s.name] {
				values = append(values, f[name])
				ratios = append(ratios, f[name]/base[round][name])
			}
			fmt.Fprintf(&b, "%10s", number(median(values)))
			if i > 0 && median(values) > 0 && base[0][name] > 0 {
				fmt.Fprintf(&b, "%8.2f  %.2f to %.2f", median(ratios), slices.Min(ratios), slices.Max(ratios))
			}
		}
		fmt.Fprintln(&b)
	}
	_, err := b.WriteTo(out)
	return err
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func number(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
