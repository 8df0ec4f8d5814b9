package adapters

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what [Scan] lets through. No registry comes near them; a body that does
// is made to exhaust whoever reads it.
const (
	MaxDepth  = 64
	MaxTokens = 2_000_000
)

// Scan reports, as an [Unreadable] error, why body is not one JSON value that every
// reader reads the same way: it is encoded (gzip, say), not JSON, not UTF-8, holds
// half a surrogate pair, goes on behind its value, is nested deeper than [MaxDepth],
// has more than [MaxTokens] tokens, or repeats a key within an object.
//
// Keys that differ in case only count as repeats, because readers disagree on which
// of "action" and "ACTION" is meant. That is not so within objects that are the value
// of a key named in free: their keys are data, such as an image's annotations, and
// whoever may push an image chooses them.
func Scan(h http.Header, body []byte, free ...string) error {
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return Unreadablef("content encoding %s: send the body without one", Quote(enc))
	}
	if len(body) == 0 {
		return Unreadablef("the body is empty")
	}
	s := scanners.Get().(*scanner)
	defer s.release()
	s.body, s.free = body, free
	// The keys are compared here, case folded, which covers exact repeats.
	s.dec.Reset(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	return s.value()
}

// scanners are kept for the room that they have made.
var scanners = sync.Pool{New: func() any {
	return &scanner{dec: new(jsontext.Decoder), open: make([]object, 0, 8), keys: make([]key, 0, fewKeys)}
}}

// release gives s to who scans next, without what it holds of the body.
func (s *scanner) release() {
	clear(s.open[:cap(s.open)])
	clear(s.keys[:cap(s.keys)])
	s.dec.Reset(http.NoBody)
	*s = scanner{dec: s.dec, open: s.open[:0], keys: s.keys[:0]}
	if cap(s.keys) <= 16*fewKeys {
		scanners.Put(s)
	}
}

type scanner struct {
	body  []byte
	free  []string
	dec   *jsontext.Decoder
	open  []object // the objects and arrays around the current token, outermost first
	keys  []key    // those of all open objects, outermost first
	last  []byte   // the key whose value comes next, without its quotes
	folds []byte   // room for the folds of keys, to make few of them
	count int
}

// object is an object (or array) whose end was not yet seen.
type object struct {
	array bool
	free  bool
	key   bool           // a key comes next, or the end
	first int            // index of its first key in scanner.keys
	seen  map[string]int // its keys by fold, once they are too many to compare one by one
}

// key is a key of an open object: as written, and as compared.
type key struct {
	name, fold []byte
}

// fewKeys is how many keys are compared one by one before a map is faster.
const fewKeys = 24

// value reads the one value and the end of the body behind it.
func (s *scanner) value() error {
	for {
		if s.count++; s.count > MaxTokens {
			return Unreadablef("more than %d JSON tokens", MaxTokens)
		}
		if err := s.token(); err != nil {
			return err
		}
		if len(s.open) > 0 {
			continue
		}
		end := s.dec.InputOffset()
		if rest := bytes.TrimLeft(s.body[end:], " \t\r\n"); len(rest) > 0 {
			return Unreadablef("more data behind the JSON value, from byte %d on", len(s.body)-len(rest))
		}
		return nil
	}
}

func (s *scanner) token() error {
	kind := s.dec.PeekKind()
	if n := len(s.open); n > 0 && !s.open[n-1].array {
		in := &s.open[n-1]
		if in.key = !in.key; !in.key && kind != '}' {
			return s.key(in)
		}
	}
	switch kind {
	case '{', '[':
		if len(s.open) == MaxDepth {
			return Unreadablef("nested deeper than %d, at byte %d", MaxDepth, s.dec.InputOffset())
		}
		s.open = append(s.open, object{
			array: kind == '[',
			free:  kind == '{' && s.isFree(),
			key:   true,
			first: len(s.keys),
		})
	case '}', ']':
		// A bracket that closes nothing, or the other kind, is an error below.
		if n := len(s.open); n > 0 {
			s.keys = s.keys[:s.open[n-1].first]
			s.open = s.open[:n-1]
		}
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.syntax(err)
	}
	return nil
}

// key reads one key of the object in and compares it with the earlier ones.
func (s *scanner) key(in *object) error {
	v, err := s.dec.ReadValue()
	if err != nil {
		return s.syntax(err)
	}
	// By offset, because v itself is only valid until the next read.
	end := int(s.dec.InputOffset())
	name := s.body[end-len(v)+1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		if name, err = jsontext.AppendUnquote(nil, s.body[end-len(v):end]); err != nil {
			return s.syntax(err)
		}
	}
	k := key{name: name, fold: name}
	if !in.free {
		k.fold = s.fold(name)
	}
	s.last = name
	if first, ok := s.find(in, k); ok {
		return s.repeated(first, k)
	}
	s.keys = append(s.keys, k)
	if in.seen != nil {
		in.seen[string(k.fold)] = len(s.keys) - 1
	}
	return nil
}

// find returns the earlier key of the object in that k repeats.
func (s *scanner) find(in *object, k key) (key, bool) {
	mine := s.keys[in.first:]
	if len(mine) < fewKeys {
		for _, o := range mine {
			if bytes.Equal(o.fold, k.fold) {
				return o, true
			}
		}
		return key{}, false
	}
	if in.seen == nil {
		in.seen = make(map[string]int, 4*fewKeys)
		for i, o := range mine {
			in.seen[string(o.fold)] = in.first + i
		}
	}
	if i, ok := in.seen[string(k.fold)]; ok {
		return s.keys[i], true
	}
	return key{}, false
}

func (s *scanner) repeated(first, again key) error {
	where := "at the top"
	if p := s.dec.StackPointer().Parent(); p != "" {
		where = "in " + Quote(string(p))
	}
	if bytes.Equal(first.name, again.name) {
		return Unreadablef("key %s is there twice, %s", Quote(string(again.name)), where)
	}
	return Unreadablef("keys %s and %s differ in case only, %s", Quote(string(first.name)), Quote(string(again.name)), where)
}

// fold returns name, folded; the result is name itself where it need not be changed.
func (s *scanner) fold(name []byte) []byte {
	if isFolded(name) {
		return name
	}
	if cap(s.folds)-len(s.folds) < len(name)+utf8.UTFMax {
		s.folds = make([]byte, 0, max(512, 2*len(name)))
	}
	start := len(s.folds)
	s.folds = appendFold(s.folds, name)
	return s.folds[start:]
}

// isFree reports whether the object about to be opened is the value of a free key.
func (s *scanner) isFree() bool {
	n := len(s.open)
	return n > 0 && !s.open[n-1].array && slices.Contains(s.free, string(s.last))
}

func (s *scanner) syntax(err error) error {
	what := err
	var syn *jsontext.SyntacticError
	if errors.As(err, &syn) {
		what = syn.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Unreadablef("not JSON: it ends at byte %d, in the middle of a value", len(s.body))
	}
	at := s.dec.InputOffset()
	if syn != nil {
		at = syn.ByteOffset
	}
	return Unreadablef("not JSON: %v at byte %d", what, at)
}

// Quote quotes s for a reason: printable, and cut where it is long, since it is the
// sender who chose it.
func Quote(s string) string {
	const most = 80
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q (and %d bytes more)", s[:cut], len(s)-cut)
}
