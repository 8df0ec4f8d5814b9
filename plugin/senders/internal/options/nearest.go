package options

import (
	"fmt"
	"strings"
)

// suggestion names the option behind prefix that was probably meant, or all of them.
func suggestion(name, prefix string, names []string) string {
	nearest, least := "", 3
	for _, known := range names {
		if d := distance(strings.ToLower(name), known); d < least {
			nearest, least = known, d
		}
	}
	if nearest != "" {
		return fmt.Sprintf("did you mean %q?", prefix+nearest)
	}
	return "there are " + list(names)
}

// list is names as people write them.
func list(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// distance is the number of letters to add, drop or change to make b of a.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// shorten keeps a name from the options from filling a message.
func shorten(name string) string {
	if len(name) > 64 {
		return strings.ToValidUTF8(name[:64], "") + "..."
	}
	return name
}
