package config

import (
	"strings"
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
	folded := []rune(strings.ToLower(word))
	best, least := "", max(1, len(folded)/3)+1
	var d distances
	for _, n := range names {
		if x := d.between(folded, strings.ToLower(n), least); x < least {
			best, least = n, x
		}
		if least == 0 {
			break
		}
	}
	return best, best != ""
}

// distances is the memory that finding a distance needs.
type distances struct {
	other              []rune
	before, above, row []int
}

// between counts the letters to add, take away, change or swap with their neighbour to
// make b of s. It gives up at enough.
func (d *distances) between(s []rune, b string, enough int) int {
	t := d.other[:0]
	for _, r := range b {
		t = append(t, r)
	}
	d.other = t
	if n := len(s) - len(t); max(n, -n) >= enough {
		return enough
	}
	if len(d.row) <= len(t) {
		n := 2*len(t) + 1
		d.before, d.above, d.row = make([]int, n), make([]int, n), make([]int, n)
	}
	before, above, row := d.before[:len(t)+1], d.above[:len(t)+1], d.row[:len(t)+1]
	for j := range above {
		above[j] = j
	}
	for i := range s {
		row[0] = i + 1
		least := row[0]
		for j := range t {
			change := above[j]
			if s[i] != t[j] {
				change++
			}
			row[j+1] = min(change, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
			least = min(least, row[j+1])
		}
		if least >= enough { // nor does a swap of what is before make less
			return enough
		}
		before, above, row = above, row, before
	}
	return above[len(t)]
}
