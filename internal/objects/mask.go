package objects

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Mask is what is shown of a secret. Of one that is the address of a page, it stands behind
// the host: https://hooks.example.com/********.
const Mask = "********"

// masked is what is shown of a secret.
func masked(secret string) string {
	u, err := url.Parse(secret)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Mask // in a URL of another kind the host may be what is secret
	}
	return u.Scheme + "://" + u.Host + "/" + Mask
}

// IsMask reports whether s is a mask, and no secret.
func IsMask(s string) bool {
	return s == Mask || strings.HasSuffix(s, "/"+Mask) && strings.Contains(s, "://")
}

// Places finds the texts of a body that patterns name, as JSON pointers, in their order. A
// pattern has the keys on the way to a text with dots between them; "*" stands for every
// key of an object or item of a list. A key may have dots in it itself, as the names of
// headers may: then a pattern may mean more than one text, and all of them are found.
func Places(body any, patterns []string) []string {
	var found []string
	for _, p := range patterns {
		find(&found, body, "", "."+p)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func find(found *[]string, v any, at, want string) {
	if want == "" {
		if s, ok := v.(string); ok && s != "" {
			*found = append(*found, at)
		}
		return
	}
	each(v, func(key string, item any) {
		for _, name := range []string{"*", key} {
			if rest, ok := strings.CutPrefix(want, "."+name); ok && (rest == "" || rest[0] == '.') {
				find(found, item, at+"/"+pointer.Replace(key), rest)
			}
		}
	})
}

// Bearing finds the texts of a body, below one of its keys, that have a secret in them
// wherever they stand: addresses with a password or a query, which many receivers tell their
// callers by. Masks are found too.
func Bearing(body map[string]any, below string) []string {
	var found []string
	var walk func(v any, at string)
	walk = func(v any, at string) {
		if s, ok := v.(string); ok && (IsMask(s) || bears(s)) {
			found = append(found, at)
		}
		each(v, func(key string, item any) { walk(item, at+"/"+pointer.Replace(key)) })
	}
	walk(body[below], "/"+pointer.Replace(below))
	slices.Sort(found)
	return found
}

// bears reports whether s is an address with a secret in it.
func bears(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && (u.User != nil || u.RawQuery != "")
}

// pointer writes a key as JSON pointers do, and plain reads it.
var (
	pointer = strings.NewReplacer("~", "~0", "/", "~1")
	plain   = strings.NewReplacer("~1", "/", "~0", "~")
)

// each calls f with what is in an object or a list.
func each(v any, f func(key string, item any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			f(key, item)
		}
	case []any:
		for i, item := range v {
			f(strconv.Itoa(i), item)
		}
	}
}

// Read decodes a body so that nothing of it is lost: numbers stay as they are written.
func Read(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// Write encodes what [Read] has read.
func Write(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// Hide puts masks in the places of body, which [Read] has read, and returns what stood there.
func Hide(body any, places []string) (secrets map[string]string) {
	for _, at := range places {
		replace(body, at, func(s string) string {
			if secrets == nil {
				secrets = map[string]string{}
			}
			secrets[at] = s
			return masked(s)
		})
	}
	return secrets
}

// Show puts secrets back into the places where they are masked. The error says that there is
// no text in one of the places.
func Show(body any, secrets map[string]string) error {
	for at, secret := range secrets {
		if !replace(body, at, func(string) string { return secret }) {
			return fmt.Errorf("there is no text at %s", at)
		}
	}
	return nil
}

// At returns the text at a place.
func At(body any, place string) (text string, ok bool) {
	ok = replace(body, place, func(s string) string { text = s; return s })
	return text, ok
}

// replace changes the text at a place, and reports whether there is one.
func replace(body any, place string, change func(string) string) bool {
	keys := strings.Split(place, "/")[1:]
	for i, key := range keys {
		key = plain.Replace(key)
		last := i == len(keys)-1
		switch v := body.(type) {
		case map[string]any:
			item, ok := v[key]
			if s, text := item.(string); ok && last && text {
				v[key] = change(s)
				return true
			}
			body = item
		case []any:
			n, err := strconv.Atoi(key)
			if err != nil || n < 0 || n >= len(v) {
				return false
			}
			if s, text := v[n].(string); last && text {
				v[n] = change(s)
				return true
			}
			body = v[n]
		default:
			return false
		}
	}
	return false
}

// Path is a place as faults name it: options.headers.X-Token, auth[0].bearer.
func Path(place string) string {
	var b strings.Builder
	for _, key := range strings.Split(place, "/")[1:] {
		key = plain.Replace(key)
		if _, err := strconv.Atoi(key); err == nil && b.Len() > 0 {
			b.WriteString("[" + key + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(key)
	}
	return b.String()
}
