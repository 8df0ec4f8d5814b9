package config

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Suggest says what was perhaps meant by word, as the end of a fault's message:
// `did you mean "webhook"?`, or the names that there are where none is near.
func Suggest(word string, names []string) string {
	if len(names) == 0 {
		return "there is none yet"
	}
	if n, ok := Nearest(word, names); ok {
		return `did you mean "` + n + `"?`
	}
	const most = 20
	switch n := len(names); {
	case n == 1:
		return "there is only " + names[0]
	case n > most:
		return "there are " + strings.Join(names[:most], ", ") + " and others"
	default:
		return "there are " + strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// Nearest returns the name that word was probably meant to be, if there is one.
func Nearest(word string, names []string) (string, bool) {
	folded := strings.ToLower(word)
	best, least := "", max(1, utf8.RuneCountInString(word)/3)+1
	for _, n := range names {
		if d := distance(folded, strings.ToLower(n), least); d < least {
			best, least = n, d
		}
	}
	return best, best != ""
}

// distance counts the letters to add, take away, change or swap with their
// neighbour to make b of a. It gives up at enough.
func distance(a, b string, enough int) int {
	s, t := []rune(a), []rune(b)
	if d := len(s) - len(t); max(d, -d) >= enough {
		return enough
	}
	before, above, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range above {
		above[j] = j
	}
	for i := range s {
		row[0] = i + 1
		for j := range t {
			change := above[j]
			if s[i] != t[j] {
				change++
			}
			row[j+1] = min(change, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		if slices.Min(row) > enough {
			return enough
		}
		before, above, row = above, row, before
	}
	return above[len(t)]
}
