package quay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"unicode/utf8"
)

// maxRequest bounds the body of a request, and maxTitle a title, in bytes.
const (
	maxRequest = 64 << 10
	maxTitle   = 1 << 10
)

// wish is what a notification is to be.
type wish struct {
	event, method       string
	config, eventConfig fields
	title               *string // nil = none
	rawEvent            json.RawMessage
}

// readWish reads the body of a request that makes a notification. Its errors are, where
// Quay has some, in the words of the JSON Schema's checker there.
func readWish(w http.ResponseWriter, r *http.Request) (wish, error) {
	var v wish
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return v, invalid("Missing JSON body: send one with Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return v, refused(http.StatusRequestEntityTooLarge, "The request is larger than %d bytes.", maxRequest)
	}
	if err != nil {
		return v, invalid("The request could not be read: %v", err)
	}
	if len(body) == 0 {
		return v, invalid("Missing JSON body")
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return v, invalid("The request is not JSON.")
	}
	var all fields
	if json.Unmarshal(body, &all) != nil || all == nil {
		return v, invalid("%s is not of type 'object'", shorten(body))
	}
	for _, key := range []string{"event", "method", "config", "eventConfig"} {
		if _, ok := all[key]; !ok {
			return v, invalid("'%s' is a required property", key)
		}
	}
	for _, key := range []string{"event", "method", "title"} {
		raw, ok := all[key]
		var s *string
		if ok && (json.Unmarshal(raw, &s) != nil || s == nil) {
			return v, invalid("%s is not of type 'string' (%s)", shorten(raw), key)
		}
		if s == nil {
			continue
		}
		switch key {
		case "event":
			v.event = *s
		case "method":
			v.method = *s
		default:
			v.title = s
		}
	}
	for key, to := range map[string]*fields{"config": &v.config, "eventConfig": &v.eventConfig} {
		if json.Unmarshal(all[key], to) != nil || *to == nil {
			return v, invalid("%s is not of type 'object' (%s)", shorten(all[key]), key)
		}
	}
	if v.title != nil && len(*v.title) > maxTitle {
		return v, invalid("title: write at most %d bytes", maxTitle)
	}
	v.rawEvent = all["eventConfig"]
	return v, nil
}

// shorten is a value as an error may show it.
func shorten(raw []byte) string {
	const most = 60
	if len(raw) <= most {
		return string(raw)
	}
	cut := most
	for !utf8.RuneStart(raw[cut]) {
		cut--
	}
	return fmt.Sprintf("%s... (%d bytes)", raw[:cut], len(raw))
}
