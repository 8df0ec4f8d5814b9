package adapters

import (
	"unicode"
	"unicode/utf8"
)

// isFolded reports whether [appendFold] of name is surely name.
func isFolded(name []byte) bool {
	for _, c := range name {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// appendFold appends name to b so that names which differ in case only are the same
// bytes. It folds as the standard library's decoder does when it looks for a struct's
// field: K, k and the Kelvin sign are one.
func appendFold(b, name []byte) []byte {
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		b = utf8.AppendRune(b, foldRune(r))
		name = name[n:]
	}
	return b
}

// foldRune returns one rune for all that are equal but for case: the small letter
// where that is in ASCII, else the least.
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
