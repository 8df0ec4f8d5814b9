package api

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// masked is what stands in a shown request where there is a secret.
const masked = "***"

// maxWord is how long one word of a command line may be: Linux takes 128 KiB.
const maxWord = 100 << 10

// curl returns a line of shell that makes the request, "" where there is none: it is no
// HTTP request, or its body is too large or no text. Whatever is in the request, the line
// does this and nothing else in bash, zsh and ksh; so it does in any POSIX shell where all of
// the request can be printed. Secrets are variables, to be set before: $SECRET_AUTHORIZATION
// for what the header of that name holds, $URL_SECRET for what the URL does.
func curl(r plugin.Request) string {
	if !strings.HasPrefix(r.URL, "http://") && !strings.HasPrefix(r.URL, "https://") ||
		!isToken(r.Method) || !sayable(r.URL) || !sayable(r.Body) {
		return ""
	}
	words := []string{"curl", "--globoff", "--request", r.Method, "--url", secretWord(r.URL, "URL_SECRET")}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		value := r.Headers[name]
		if !isToken(name) || !sayable(value) || strings.ContainsAny(value, "\r\n") {
			return ""
		}
		header := name + ": " + value
		if value == "" {
			header = name + ";" // as curl has it
		}
		words = append(words, "--header", secretWord(header, variable(name)))
	}
	if r.Body != "" {
		words = append(words, "--data-raw", word(r.Body))
	}
	return strings.Join(words, " ")
}

// variable is the name of a shell's variable for what the header of that name holds.
func variable(header string) string {
	return "SECRET_" + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, header)
}

// secretWord is word, with a variable for each secret.
func secretWord(s, variable string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, masked) {
		if i > 0 {
			b.WriteString(`"$` + variable + `"`)
		}
		if part != "" {
			b.WriteString(word(part))
		}
	}
	return b.String()
}

// word quotes s as one word. What a terminal would act upon is written by its number.
func word(s string) string {
	if !strings.ContainsFunc(s, func(c rune) bool { return !shown(c) }) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range s {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case shown(c):
			b.WriteRune(c)
		default: // by its bytes, of three octal digits each, so that a digit behind it is none of it
			for _, x := range []byte(string(c)) {
				fmt.Fprintf(&b, `\%03o`, x)
			}
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// sayable reports whether a word of a command line can hold s.
func sayable(s string) bool {
	return len(s) <= maxWord && !strings.ContainsRune(s, 0) && utf8.ValidString(s)
}

// isToken reports whether s may be a method or the name of a header.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// shown reports whether a terminal shows c as it is.
func shown(c rune) bool { return strconv.IsPrint(c) && c != utf8.RuneError }
