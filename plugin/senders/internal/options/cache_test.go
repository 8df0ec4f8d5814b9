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
