package objects

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
)

func keys(t *testing.T, list ...[]byte) Keys {
	t.Helper()
	k, err := NewKeys(list...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSeal(t *testing.T) {
	first, second := NewKey(), NewKey()
	body := []byte(`{"name":"ci"}`)
	secrets := map[string]string{"/options/url": "https://u:p@h/s3cret", "/options/headers/X": "\x00ü"}
	k := keys(t, first)
	sealed, err := k.Seal(Target, "ci", body, secrets)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.Seal(Target, "ci", body, secrets); err != nil || bytes.Equal(again, sealed) {
		t.Errorf("sealing twice gives the same: %v", err)
	}
	if bytes.Contains(sealed, []byte("s3cret")) {
		t.Error("it is in clear")
	}
	for what, k := range map[string]Keys{"the key": k, "an old key": keys(t, second, first), "one that opens only": k.OnlyOpen(), "two": keys(t, second).And(k)} {
		if got, err := k.Open(Target, "ci", body, sealed); err != nil || !maps.Equal(got, secrets) {
			t.Errorf("%s: %v %v", what, got, err)
		}
	}
	for what, open := range map[string]func() (map[string]string, error){
		"another key":  func() (map[string]string, error) { return keys(t, second).Open(Target, "ci", body, sealed) },
		"no key":       func() (map[string]string, error) { return Keys{}.Open(Target, "ci", body, sealed) },
		"another kind": func() (map[string]string, error) { return k.Open(Registry, "ci", body, sealed) },
		"another name": func() (map[string]string, error) { return k.Open(Target, "cj", body, sealed) },
		"another body": func() (map[string]string, error) { return k.Open(Target, "ci", []byte(`{"name":"cj"}`), sealed) },
		"nothing":      func() (map[string]string, error) { return k.Open(Target, "ci", body, nil) },
		"its version":  func() (map[string]string, error) { return k.Open(Target, "ci", body, sealed[:1]) },
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: %v %v", what, got, err)
		}
	}
	for i := range sealed { // each byte counts
		tampered := bytes.Clone(sealed)
		tampered[i] ^= 1
		if _, err := k.Open(Target, "ci", body, tampered); !errors.Is(err, ErrSealed) {
			t.Errorf("with another byte %d: %v", i, err)
		}
	}
	for _, k := range []Keys{{}, k.OnlyOpen()} {
		if _, err := k.Seal(Target, "ci", body, secrets); !errors.Is(err, ErrNoKey) || k.Seals() {
			t.Error(err)
		}
	}
	if _, err := NewKeys([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
	if got := fmt.Sprintf("%v %+v %#v", k, k, k); got != "1 keys 1 keys 1 keys" {
		t.Error(got)
	}
}

// Secrets are hidden and shown again wherever they stand, and nothing else changes.
func TestHideAndShow(t *testing.T) {
	const text = `{"options":{"big":12345678901234567890,"headers":{"A":"s1","X.Y/~Z":"s2","empty":""},"list":[{"k":"s3"},{"k":4}],"sec":["s4","s5"],"html":"<&>","url":"https://u:p@h.example:8443/a/b?c"}}`
	body, err := Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	patterns := []string{"options.headers.*", "options.list.*.k", "options.sec.1", "options.url", "options.nothing", "options", "*.headers.X.Y/~Z"}
	places := Places(body, patterns)
	secrets := Hide(body, places)
	want := map[string]string{
		"/options/headers/A": "s1", "/options/headers/X.Y~1~0Z": "s2", "/options/list/0/k": "s3", "/options/sec/1": "s5",
		"/options/url": "https://u:p@h.example:8443/a/b?c",
	}
	if !maps.Equal(secrets, want) {
		t.Errorf("the secrets are %v", secrets)
	}
	hidden, err := Write(body)
	if err != nil {
		t.Fatal(err)
	}
	wantHidden := `{"options":{"big":12345678901234567890,"headers":{"A":"********","X.Y/~Z":"********","empty":""},"html":"<&>","list":[{"k":"********"},{"k":4}],"sec":["s4","********"],"url":"https://h.example:8443/********"}}`
	if string(hidden) != wantHidden {
		t.Errorf("hidden it is\n%s", hidden)
	}
	for place := range secrets {
		if s, ok := At(body, place); !ok || !IsMask(s) {
			t.Errorf("at %s there is %q", place, s)
		}
	}
	if err := Show(body, secrets); err != nil {
		t.Fatal(err)
	}
	shown, err := Write(body)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(shown, &a) != nil || json.Unmarshal([]byte(text), &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) || !strings.Contains(string(shown), "12345678901234567890") {
		t.Errorf("shown it is\n%s", shown)
	}
	for _, place := range []string{"/nowhere", "/options/sec/2", "/options/sec/x", "/options/big", "/options/url/deeper", "/options/list", ""} {
		if err := Show(body, map[string]string{place: "s"}); err == nil {
			t.Errorf("there is a text at %q", place)
		}
	}
	if got := Path("/options/headers/X.Y~1~0Z"); got != "options.headers.X.Y/~Z" {
		t.Error(got)
	}
	if got := Path("/auth/0/bearer"); got != "auth[0].bearer" {
		t.Error(got)
	}
}

func TestMasks(t *testing.T) {
	for secret, want := range map[string]string{
		"s":                              Mask,
		"https://hooks.example.com/a/b":  "https://hooks.example.com/" + Mask,
		"http://[::1]:80":                "http://[::1]:80/" + Mask,
		"telegram://123:abc@telegram?c=": Mask,
		"slack://tokena/tokenb":          Mask,
		"https://":                       Mask,
		"://":                            Mask,
	} {
		if got := masked(secret); got != want || !IsMask(got) {
			t.Errorf("%s is shown as %s", secret, got)
		}
	}
	for _, s := range []string{"", "*******", "*********", "https://h/x", "a" + Mask, "/" + Mask} {
		if IsMask(s) {
			t.Errorf("%q is taken for a mask", s)
		}
	}
}
