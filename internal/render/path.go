package render

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// path is a JSONPath as jsonpath-rw, which Quay uses, reads it: fields (a, 'b c', *,
// several as a,b), items ([0], [-1], [1:3], [*]), what is within at any depth (..), $
// and unions (a | b). It has no conditions. A path that does not fit finds nothing.
type path []branch // of a union

type branch []step

// step goes from each value to some within it.
type step struct {
	fields  []string // named fields; "*" is all of them
	slice   bool     // the items from..to by stride, else the item at index
	index   int
	from    *int
	to      *int
	stride  int
	descend bool // from the value itself and all within it
}

// find returns what p finds in root. Each value looked at counts in used.
func (p path) find(root any, used *int) ([]any, error) {
	var all []any
	for _, b := range p {
		found := []any{root}
		for _, s := range b {
			var next []any
			for _, v := range found {
				var err error
				if next, err = s.among(v, next, used); err != nil {
					return nil, err
				}
			}
			found = next
		}
		all = append(all, found...)
	}
	return all, nil
}

// among appends to found what s finds in v.
func (s step) among(v any, found []any, used *int) ([]any, error) {
	if *used++; *used > maxFound {
		return nil, errFound
	}
	found = s.here(v, found)
	if *used += len(found); *used > maxFound {
		return nil, errFound
	}
	if !s.descend {
		return found, nil
	}
	within, _ := v.([]any)
	if o, ok := v.(*object); ok {
		for _, key := range o.keys {
			within = append(within, o.values[key])
		}
	}
	for _, item := range within {
		var err error
		if found, err = s.among(item, found, used); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// here appends to found what s finds in v itself.
func (s step) here(v any, found []any) []any {
	if s.fields != nil {
		o, ok := v.(*object)
		if !ok {
			return found
		}
		names := s.fields
		if slices.Contains(names, "*") {
			names = o.keys
		}
		for _, name := range names {
			if item, ok := o.values[name]; ok {
				found = append(found, item)
			}
		}
		return found
	}
	list, ok := v.([]any)
	if !s.slice {
		i := s.index
		if i < 0 {
			i += len(list)
		}
		if i >= 0 && i < len(list) {
			found = append(found, list[i])
		}
		return found
	}
	if !ok {
		if v == nil {
			return found
		}
		list = []any{v} // one thing is a list of one
	}
	from, to := bounds(s.from, s.to, len(list))
	for i := from; i < to; i += s.stride {
		found = append(found, list[i])
	}
	return found
}

// bounds are those of a slice of n items; negative ones count from the end.
func bounds(from, to *int, n int) (int, int) {
	at := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		i := *p
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n)
	}
	return at(from, 0), at(to, n)
}

// maxSteps bounds one path.
const maxSteps = 32

// parsePath reads a path.
func parsePath(source string) (path, error) {
	if strings.TrimSpace(source) == "" {
		return nil, errors.New("it is empty: name a field, such as artifact.digest")
	}
	r := &reader{rest: source}
	var p path
	for {
		b, err := r.branch()
		if err != nil {
			return nil, err
		}
		p = append(p, b)
		if r.skip(); !r.take("|") {
			break
		}
	}
	if r.rest != "" {
		return nil, fmt.Errorf("there is %q where it should go on with a dot, a bracket or its end", r.rest)
	}
	return p, nil
}

// reader takes a path apart.
type reader struct {
	rest string
	used int
}

func (r *reader) skip() { r.rest = strings.TrimLeft(r.rest, " \t\r\n") }

// take takes token away where it comes next.
func (r *reader) take(token string) bool {
	r.skip()
	rest, ok := strings.CutPrefix(r.rest, token)
	r.rest = rest
	return ok
}

func (r *reader) branch() (branch, error) {
	b := branch{}
	if r.take("$") || r.take("`this`") {
		return r.steps(b, false)
	}
	return r.steps(b, true)
}

// steps reads the steps that follow; first says that one begins the path, and so has no
// dot before it.
func (r *reader) steps(b branch, first bool) (branch, error) {
	for {
		if r.used++; r.used > maxSteps {
			return nil, fmt.Errorf("it has more than %d steps", maxSteps)
		}
		descend := false
		dotted := true
		switch {
		case first:
		case r.take(".."):
			descend = true
		case r.take("."):
		default:
			dotted = false
		}
		var s step
		var err error
		switch {
		case r.take("["):
			s, err = r.bracket()
		case first || dotted:
			if !descend && r.take("`this`") {
				first = false
				continue
			}
			s, err = r.names()
		default:
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		s.descend = descend
		b = append(b, s)
		first = false
	}
}

// names reads field names, separated by commas.
func (r *reader) names() (step, error) {
	var s step
	for {
		name, err := r.name()
		if err != nil {
			return s, err
		}
		s.fields = append(s.fields, name)
		if !r.take(",") {
			return s, nil
		}
	}
}

func (r *reader) name() (string, error) {
	r.skip()
	if r.rest == "" {
		return "", errors.New("a field's name is missing at its end")
	}
	if q := r.rest[0]; q == '\'' || q == '"' {
		var b strings.Builder
		for i := 1; i < len(r.rest); i++ {
			switch c := r.rest[i]; {
			case c == q:
				r.rest = r.rest[i+1:]
				return b.String(), nil
			case c == '\\' && i+1 < len(r.rest):
				i++
				b.WriteByte(r.rest[i])
			default:
				b.WriteByte(c)
			}
		}
		return "", errors.New("a quoted name does not end")
	}
	if r.take("*") {
		return "*", nil
	}
	n := 0
	for n < len(r.rest) && nameByte(r.rest[n], n == 0) {
		n++
	}
	if n == 0 {
		return "", fmt.Errorf("there is %q where a field's name should be: put other names in quotes, as 'a b'", r.rest)
	}
	name := r.rest[:n]
	r.rest = r.rest[n:]
	return name, nil
}

func nameByte(c byte, first bool) bool {
	return c == '_' || c == '@' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		!first && (c == '-' || '0' <= c && c <= '9')
}

// bracket reads what is behind a bracket, and the one that closes it.
func (r *reader) bracket() (s step, err error) {
	r.skip()
	switch {
	case r.rest == "":
		return s, errors.New("a bracket does not close")
	case r.take("*"):
		s = step{slice: true, stride: 1}
	case r.rest[0] == ':' || r.rest[0] == '-' || '0' <= r.rest[0] && r.rest[0] <= '9':
		s, err = r.items()
	default:
		s, err = r.names()
	}
	if err == nil && !r.take("]") {
		err = errors.New("a bracket does not close")
	}
	return s, err
}

// items reads an index, or up to three numbers with colons between them.
func (r *reader) items() (step, error) {
	s := step{stride: 1}
	var numbers [3]*int
	colons := 0
	for {
		n, err := r.number()
		if err != nil {
			return s, err
		}
		numbers[colons] = n
		if colons == 2 || !r.take(":") {
			break
		}
		colons++
	}
	if colons == 0 {
		s.index = *numbers[0] // bracket saw a digit or a sign
		return s, nil
	}
	s.slice, s.from, s.to = true, numbers[0], numbers[1]
	if n := numbers[2]; n != nil {
		if s.stride = *n; s.stride < 1 {
			return s, errors.New("a slice goes forward by 1 or more")
		}
	}
	return s, nil
}

// number reads a number where there is one.
func (r *reader) number() (*int, error) {
	r.skip()
	n := 0
	for n < len(r.rest) && (r.rest[n] == '-' && n == 0 || '0' <= r.rest[n] && r.rest[n] <= '9') {
		n++
	}
	if n == 0 {
		return nil, nil
	}
	i, err := strconv.Atoi(r.rest[:n])
	if err != nil || i > 1<<20 || i < -1<<20 {
		return nil, fmt.Errorf("%q is no position in a list", r.rest[:n])
	}
	r.rest = r.rest[n:]
	return &i, nil
}
