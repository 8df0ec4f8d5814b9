package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// schema is the JSON Schema of the options.
const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["url"],
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "description": "where to send; http or https"},
    "method": {"enum": ["POST", "PUT", null], "default": "POST", "description": "of the request"},
    "headers": {
      "type": ["object", "null"],
      "additionalProperties": {"type": "string", "pattern": "^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$"},
      "description": "sent with each request, Authorization too; not Host, nor what belongs to the connection, nor webhook-*"
    }
  }
}`

// options are a target's options, read.
type options struct {
	url    *url.URL
	method string
	header http.Header

	shownURL string            // without what may be secret in it
	redactor *strings.Replacer // masks what is secret; nil where nothing is
}

// names are the options that there are, in the order in which they are documented.
func names() []string { return []string{"url", "method", "headers"} }

// readOptions reads raw and reports all that is wrong with it. The options are nil
// where anything is.
func readOptions(raw json.RawMessage) (*options, []plugin.Fault) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, []plugin.Fault{{Message: "the options of a webhook are an object; write at least {url: \"https://...\"}"}}
	}
	o := &options{method: http.MethodPost, header: http.Header{}}
	var faults []plugin.Fault
	report := func(path, format string, args ...any) {
		faults = append(faults, plugin.Fault{Path: path, Message: fmt.Sprintf(format, args...)})
	}

	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(names(), name) {
			report(shorten(name), "unknown option %q; %s", shorten(name), suggestion(name))
		}
	}
	var target string
	switch raw, ok := fields["url"]; {
	case !ok:
		report("url", "is missing; give the address to send to, as https://host/path")
	case json.Unmarshal(raw, &target) != nil || target == "":
		report("url", "is not a text; give the address to send to, as https://host/path")
	default:
		var problem string
		if o.url, problem = readURL(target); problem != "" {
			report("url", "%s", problem)
		}
	}
	if raw, ok := fields["method"]; ok {
		if json.Unmarshal(raw, &o.method) != nil || o.method != http.MethodPost && o.method != http.MethodPut {
			report("method", "is neither POST nor PUT; choose one, or leave it out for POST")
		}
	}
	if raw, ok := fields["headers"]; ok {
		faults = append(faults, o.readHeaders(raw)...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	o.shownURL = maskURL(o.url)
	o.redactor = o.newRedactor()
	return o, nil
}

// readURL says what is wrong in words that do not repeat the URL, which may hold
// a secret.
func readURL(s string) (u *url.URL, problem string) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, "is not a URL; write it as https://host/path, with other characters percent-encoded"
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "is neither http nor https; write it as https://host/path"
	case u.Hostname() == "" || u.Opaque != "":
		return nil, "names no host; write it as https://host/path"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, "has a port that does not exist; it is between 1 and 65535"
		}
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && egress.Denied(a) {
		return nil, fmt.Sprintf("names %s, which is link-local or a cloud's metadata service and never a target; name another host", a)
	}
	u.Fragment, u.RawFragment = "", "" // never sent
	return u, ""
}

func (o *options) readHeaders(raw json.RawMessage) (faults []plugin.Fault) {
	report := func(path, message string) {
		faults = append(faults, plugin.Fault{Path: path, Message: message})
	}
	var headers map[string]json.RawMessage
	if err := json.Unmarshal(raw, &headers); err != nil {
		report("headers", "is not a map of names to values; write it as {X-Token: ...}")
		return faults
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		path := "headers." + shorten(name)
		var value string
		key := http.CanonicalHeaderKey(name)
		switch {
		case !validName(name):
			report(path, "is not a header's name; use letters, digits and dashes")
		case reserved(key):
			report(path, "belongs to the connection and cannot be set; remove it")
		case strings.HasPrefix(key, "Webhook-"):
			report(path, "is bellbuoy's own and cannot be set; remove it or choose another name")
		case o.header[key] != nil:
			report(path, "is there twice, in different spelling; remove one")
		case json.Unmarshal(headers[name], &value) != nil || string(headers[name]) == "null":
			report(path, "is not a text; put its value in quotes")
		case !validValue(value):
			report(path, "holds a line break or another control character; remove it")
		default:
			o.header[key] = []string{value}
		}
	}
	return faults
}

// reserved reports whether the header belongs to the message's framing or to one
// connection of its way.
func reserved(key string) bool {
	switch key {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
		"Proxy-Authorization", "Proxy-Authenticate", "Te", "Trailer", "Upgrade", "Expect":
		return true
	}
	return false
}

func validName(name string) bool {
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return name != ""
}

func validValue(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
