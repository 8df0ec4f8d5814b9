package adapters

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// fold maps names that differ in case only to the same bytes. It folds as the
// standard library's decoder does when it looks for a struct's field.
func fold(name []byte) []byte {
	plain := true
	for _, c := range name {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return name
	}
	return bytes.Map(foldRune, name)
}

// foldRune returns the least rune that r is equal to but for case: K, k and the
// Kelvin sign are one. ASCII letters become small ones, so that names which are small
// already need no copy.
func foldRune(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	if r < utf8.RuneSelf {
		return r
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		if 'a' <= o && o <= 'z' {
			return o
		}
		least = min(least, o)
	}
	return least
}
