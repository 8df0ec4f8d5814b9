package options

import (
	"strings"
	"testing"
)

func TestCacheIsBounded(t *testing.T) {
	c := NewCache[string]()
	made := 0
	read := func(raw []byte) (*string, error) {
		made++
		s := string(raw)
		return &s, nil
	}
	get := func(raw string) {
		t.Helper()
		if s, err := c.Read([]byte(raw), read); err != nil || *s != raw {
			t.Fatalf("%v %v", s, err)
		}
	}
	for i := range 3 * maxCached {
		get(strings.Repeat("x", i+1))
	}
	if n := len(c.read); n != maxCached {
		t.Errorf("%d entries", n)
	}
	for i := range 2 * maxCachedTotal / maxCachedSize {
		get(strings.Repeat(string(rune('a'+i%26)), maxCachedSize-i))
	}
	size := 0
	for raw := range c.read {
		size += len(raw)
	}
	if size > maxCachedTotal || size != c.size || len(c.read) == 0 {
		t.Errorf("%d bytes, counted as %d", size, c.size)
	}
	for _, test := range []struct {
		raw  string
		want int
	}{{"y", 1}, {strings.Repeat("x", maxCachedSize+1), 2}} {
		made = 0
		get(test.raw)
		get(test.raw)
		if made != test.want {
			t.Errorf("%d bytes are read %d times, want %d", len(test.raw), made, test.want)
		}
	}
}
