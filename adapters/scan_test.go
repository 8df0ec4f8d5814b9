package adapters

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScanRefuses(t *testing.T) {
	nested := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	many := strings.Repeat(`"k":1,`, 1)
	for i := range 100 {
		many += fmt.Sprintf(`"key%d":1,`, i)
	}
	tests := []struct {
		name, body, reason string
	}{
		{"empty", "", "the body is empty"},
		{"blank", " \n", "not JSON: it ends at byte 2, in the middle of a value"},
		{"text", "hello", "not JSON: invalid character 'h' at start of value at byte 0"},
		{"form", "a=b&c=d", "not JSON: invalid character 'a' at start of value at byte 0"},
		{"byte order mark", "\xef\xbb\xbf{}", "not JSON: invalid character '\\ufeff' at start of value at byte 0"},
		{"cut short", `{"events":[{"id":"x`, "not JSON: it ends at byte 19, in the middle of a value"},
		{"cut before the value", `{"events":`, "not JSON: it ends at byte 10, in the middle of a value"},
		{"no value", `{"a":}`, "not JSON: missing value after object name at byte 5"},
		{"closes nothing", `]`, "not JSON: invalid character ']' at start of value at byte 0"},
		{"closes the other kind", `{"a":[}`, "not JSON: invalid character '}' at start of value at byte 6"},
		{"trailing value", `{"a":1} {"a":2}`, "more data behind the JSON value, from byte 8 on"},
		{"trailing bytes", "{}\x00", "more data behind the JSON value, from byte 2 on"},
		{"duplicate", `{"x":{"a":1,"b":{"a":1},"a":2}}`, `key "a" is there twice, in "/x"`},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, `key "a" is there twice, at the top`},
		{"case folded", `{"action":"push","ACTION":"delete"}`, `keys "action" and "ACTION" differ in case only, at the top`},
		{"case folded in a list", `{"events":[{"id":"1"},{"id":"2","Id":"3"}]}`, `keys "id" and "Id" differ in case only, in "/events/1"`},
		{"case folded beyond ASCII", "{\"source\":1,\"ſource\":2}", `keys "source" and "ſource" differ in case only, at the top`},
		{"Kelvin sign", "{\"kind\":1,\"\u212aind\":2}", "keys \"kind\" and \"\u212aind\" differ in case only, at the top"},
		{"duplicate of many keys", "{" + many + `"key7":2}`, `key "key7" is there twice, at the top`},
		{"case folded of many keys", "{" + many + `"K":2}`, `keys "k" and "K" differ in case only, at the top`},
		{"duplicate in free keys", `{"annotations":{"a":"1","a":"2"}}`, `key "a" is there twice, in "/annotations"`},
		{"case folded below free keys", `{"annotations":{"x":{"a":1,"A":2}}}`, `keys "a" and "A" differ in case only, in "/annotations/x"`},
		{"case folded in a list of free keys", `{"annotations":[{"a":1,"A":2}]}`, `keys "a" and "A" differ in case only, in "/annotations/0"`},
		{"nested", nested, "nested deeper than 64, at byte 64"},
		{"nested in an event", `{"events":` + nested + `}`, "nested deeper than 64, at byte 73"},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "not JSON: invalid UTF-8 at byte 6"},
		{"invalid UTF-8 in a key", "{\"\xc3\x28\":1}", "not JSON: invalid UTF-8 at byte 2"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "not JSON: invalid character '\\xff' at start of value at byte 0"},
		{"lone surrogate", `{"a":"\ud800"}`, "not JSON: invalid surrogate pair `\\ud800\"}` in string at byte 6"},
		{"lone low surrogate", `{"a":"\udc00xyzxyz"}`, "not JSON: invalid surrogate pair `\\udc00xyzxyz` in string at byte 6"},
		{"control character", "{\"a\":\"\x01\"}", `not JSON: invalid character '\x01' in string (expecting non-control character) at byte 6`},
		{"tokens", "[" + strings.Repeat("1,", MaxTokens) + "1]", "more than 2000000 JSON tokens"},
		{"long key", `{"` + strings.Repeat("é", 60) + `":1,"` + strings.Repeat("é", 60) + `":1}`, `key "` + strings.Repeat("é", 40) + `" (and 40 bytes more) is there twice, at the top`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Scan(http.Header{}, []byte(tt.body), "annotations")
			var unreadable *Unreadable
			if !errors.As(err, &unreadable) {
				t.Fatalf("Scan() = %v, want an Unreadable", err)
			}
			if unreadable.Reason != tt.reason {
				t.Errorf("reason\n got %s\nwant %s", unreadable.Reason, tt.reason)
			}
		})
	}
}

func TestScanLetsThrough(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	tests := []struct{ name, body string }{
		{"object", "{}"},
		{"any value", ` "x" `},
		{"as deep as may be", deep},
		{"same key in different objects", `{"a":{"a":1},"b":[{"a":1},{"a":1}]}`},
		{"case of free keys", `{"annotations":{"a":"1","A":"2"}}`},
		{"surrogate pair", `{"a":"\ud83d\ude00"}`},
		{"escaped replacement character", `{"a":"\ufffd"}`},
		{"long number", `{"a":123456789012345678901234567890e400}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Scan(http.Header{}, []byte(tt.body), "annotations"); err != nil {
				t.Errorf("Scan() = %v, want nil", err)
			}
		})
	}
}

func TestScanContentEncoding(t *testing.T) {
	body := []byte("{}")
	err := Scan(http.Header{"Content-Encoding": {"gzip"}}, body)
	if want := `content encoding "gzip": send the body without one`; err == nil || err.Error() != want {
		t.Errorf("Scan() of gzip = %v, want %s", err, want)
	}
	if err := Scan(http.Header{"Content-Encoding": {"identity"}}, body); err != nil {
		t.Errorf("Scan() of identity = %v, want nil", err)
	}
}

// The keys of an object are compared among themselves in linear time, however many
// there are; with anything slower this test does not end.
func TestScanManyKeys(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("{")
	for i := range 900_000 {
		fmt.Fprintf(&b, `"%x":1,`, i)
	}
	b.WriteString(`"last":1}`)
	if err := Scan(http.Header{}, b.Bytes()); err != nil {
		t.Errorf("Scan() = %v, want nil", err)
	}
}

// What Scan lets through, the standard library reads, too, and one value only.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{"events":[{"id":"1","action":"push","target":{"annotations":{"a":"b"}}}]}`,
		`{"a":1,"A":2}`, `[[[]]]`, "{\"k\":\"\\ud83d\\ude00\"}", `{"a":1}{"a":2}`, "\"\xff\"", `{"a":}`, `]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := Scan(http.Header{}, body, "annotations"); err != nil {
			var unreadable *Unreadable
			if !errors.As(err, &unreadable) || unreadable.Reason == "" {
				t.Fatalf("Scan(%q) = %v, want an Unreadable with a reason", body, err)
			}
			return
		}
		if !validForAll(body) {
			t.Fatalf("Scan let %q through, which encoding/json does not read", body)
		}
	})
}

func validForAll(body []byte) bool { return json.Valid(body) && utf8.Valid(body) }
