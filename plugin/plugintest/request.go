package plugintest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// masked is what stands in the place of a secret.
const masked = "***"

// hides fails the test where text shows one of secrets, in clear or in a spelling that
// anyone can undo.
func (k *kit) hides(t *testing.T, what, text string, secrets []string) {
	t.Helper()
	for _, s := range append(secrets, "kit-s3cret-value") {
		for _, spelling := range []string{s, url.QueryEscape(s), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s))} {
			if strings.Contains(text, spelling) {
				t.Errorf("%s shows the secret %q: %.300s", what, s, text)
				return
			}
		}
	}
}

// request: what Render shows, what the receipt shows and what the target gets are the
// same, but for what is masked, for every type of event.
func (k *kit) request(t *testing.T) {
	varying := map[string]bool{} // parts that differ from call to call
	for _, options := range k.good() {
		if !strings.Contains(options, placeholder) {
			continue
		}
		learned := false
		for _, typ := range event.Types() {
			d := k.delivery(event.Sample(typ))
			d.Options = k.at(options)
			k.server.play(k.target.Accept)
			rendered, err := k.sender.Render(t.Context(), d)
			if err != nil {
				t.Errorf("%s: Render: %v", typ, err)
				continue
			}
			receipt, err := k.send(t, string(typ), d, k.patience)
			if err != nil {
				t.Errorf("%s: Send: %v", typ, err)
				continue
			}
			requests := k.server.taken()
			if len(requests) == 0 {
				t.Errorf("%s: Send says delivered and made no request", typ)
				continue
			}
			got := requests[len(requests)-1]
			sent := receipt.Request
			if message, _ := d.Message(); sent.Body == "" && string(message) == string(got.Body) {
				sent.Body = string(message) // the contract leaves it out
			}
			k.same(t, fmt.Sprintf("%s: the receipt's request", typ), sent, got, nil)
			if !learned && k.differs(rendered, got, varying) != "" {
				learned = true
				k.learn(t, d, rendered, varying)
			}
			k.same(t, fmt.Sprintf("%s: Render's request", typ), rendered, got, varying)
			if t.Failed() {
				return // the other types would fail alike
			}
		}
	}
}

// learn finds out what differs from one call of Render to the next, a second later: times,
// nonces and signatures.
func (k *kit) learn(t *testing.T, d plugin.Delivery, before plugin.Request, varying map[string]bool) {
	t.Helper()
	time.Sleep(1100 * time.Millisecond) // what goes by the second is another then
	after, err := k.sender.Render(t.Context(), d)
	if err != nil {
		t.Errorf("Render: %v", err)
		return
	}
	a, b := parts(before), parts(after)
	for name := range a {
		if a[name] != b[name] && name != "body" && name != "method" {
			varying[name] = true
		}
	}
}

// parts are what a request is compared by.
func parts(r plugin.Request) map[string]string {
	all := map[string]string{"method": r.Method, "body": r.Body}
	address, query, _ := strings.Cut(r.URL, "?")
	all["url"] = address
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			all["query "+key] = value
		}
	}
	for name, value := range r.Headers {
		all["header "+http.CanonicalHeaderKey(name)] = value
	}
	return all
}

// same fails the test where shown is not what was got.
func (k *kit) same(t *testing.T, what string, shown plugin.Request, got seen, varying map[string]bool) {
	t.Helper()
	if diff := k.differs(shown, got, varying); diff != "" {
		t.Errorf("%s is not what the target gets: %s", what, diff)
	}
}

// differs says in what shown is not what was got, secrets and what varies aside; "" where
// it is the same. Headers that a client adds by itself need not be shown.
func (k *kit) differs(shown plugin.Request, got seen, varying map[string]bool) string {
	real := parts(plugin.Request{Method: got.Method, URL: got.URL, Body: string(got.Body), Headers: first(got.Header)})
	told := parts(shown)
	if strings.Count(told["url"], "/") == 2 {
		told["url"] += "/" // as it is on the wire
	}
	if k.userinfo(told["url"]) {
		told["url"] = strings.Replace(told["url"], masked+"@", "", 1) // it is in a header
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if !varying[name] && !matches(told[name], real[name]) {
			return fmt.Sprintf("%s is %.300q, shown is %.300q", name, real[name], told[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(real)) {
		_, there := told[name]
		if _, query, _ := strings.Cut(shown.URL, "?"); query != "" && strings.Trim(query, "*") == "" && strings.HasPrefix(name, "query ") {
			continue // all of it is masked
		}
		own := []string{"header Content-Length", "header Accept-Encoding", "header User-Agent", "header Connection", "header Transfer-Encoding"}
		if name == "header Authorization" && k.userinfo(shown.URL) || slices.Contains(own, name) || there {
			continue
		}
		return fmt.Sprintf("%s is %.300q, and not shown", name, real[name])
	}
	return ""
}

// userinfo says whether user and password stand in a URL, masked.
func (k *kit) userinfo(u string) bool { return strings.Contains(u, "://"+masked+"@") }

func first(h http.Header) map[string]string {
	m := make(map[string]string, len(h))
	for name, values := range h {
		m[name] = values[0]
	}
	return m
}

// matches says whether real is shown, where *** stands for anything but nothing.
func matches(shown, real string) bool {
	pieces := strings.Split(shown, masked)
	if len(pieces) == 1 {
		return shown == real
	}
	if !strings.HasPrefix(real, pieces[0]) {
		return false
	}
	rest := real[len(pieces[0]):]
	for i, piece := range pieces[1:] {
		if i == len(pieces)-2 {
			return len(rest) > len(piece) && strings.HasSuffix(rest, piece)
		}
		at := -1
		if len(rest) > 0 {
			at = strings.Index(rest[1:], piece)
		}
		if at < 0 {
			return false
		}
		rest = rest[1+at+len(piece):]
	}
	return false
}

// secrets: none is in what is rendered, received or said, even where the target repeats
// all that it was sent.
func (k *kit) secrets(t *testing.T) {
	for _, options := range k.good() {
		if !strings.Contains(options, placeholder) {
			continue
		}
		d := k.delivery(event.Sample(event.BuildFailed))
		d.Options = k.at(options)
		secrets := k.secretsOf(options)
		rendered, err := k.sender.Render(t.Context(), d)
		if err != nil {
			t.Errorf("Render: %v", err)
		}
		k.hides(t, "Render's request", fmt.Sprintf("%+v", rendered), secrets)
		for _, code := range []int{200, 302, 400, 429, 500} {
			k.server.play(echo(code))
			receipt, err := k.send(t, fmt.Sprintf("a target that answers %d and repeats what it got", code), d, k.patience)
			k.hides(t, "the receipt", fmt.Sprintf("%+v %v", receipt, err), secrets)
		}
	}
}
