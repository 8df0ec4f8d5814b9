package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// The bounds of patterns, so that no rule makes matching slow or large.
const (
	maxPattern = 512    // bytes
	maxProgram = 10_000 // instructions of a compiled regex
)

// regex matches whole strings.
type regex struct {
	source  string
	literal string         // that every match begins with, or where re is nil, is
	re      *regexp.Regexp // anchored at both ends
}

func (r *regex) match(s string) bool {
	if r.re == nil {
		return s == r.literal
	}
	return strings.HasPrefix(s, r.literal) && r.re.MatchString(s)
}

// compileRegex compiles RE2 that must match the whole of a string.
func compileRegex(source string) (*regex, error) {
	if _, err := parseRegex(source); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(`\A(?:` + source + `)\z`)
	if err != nil {
		// A \Q that is not ended quotes our parenthesis too.
		re, err = regexp.Compile(`\A(?:` + source + `\E)\z`)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be compiled: %w", err)
	}
	r := &regex{source: source, re: re}
	if bare, err := regexp.Compile(source); err == nil {
		var all bool
		if r.literal, all = bare.LiteralPrefix(); all {
			r.re = nil
		}
	}
	return r, nil
}

// parseRegex finds what is wrong with RE2, and with its size.
func parseRegex(source string) (*syntax.Regexp, error) {
	if source == "" {
		return nil, errors.New(`is empty: write ".*" to take everything`)
	}
	if len(source) > maxPattern {
		return nil, fmt.Errorf("is %d bytes long: write at most %d, or make several rules of it", len(source), maxPattern)
	}
	// Compiled as it is, before it is wrapped: "a)|(?:b" is no regex.
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		var se *syntax.Error
		if errors.As(err, &se) {
			err = fmt.Errorf("%s in %q", se.Code, se.Expr)
		}
		return nil, fmt.Errorf("is no RE2 regex: %w: correct it (RE2 has no look-around and no back-references)", err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("cannot be compiled: %w", err)
	}
	if len(prog.Inst) > maxProgram {
		return nil, errors.New("is too large when its repetitions are written out: repeat less, or use * or +")
	}
	return parsed, nil
}
