package faults_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/poster"
)

// secret is what each registry of doors shows, in its own way.
const secret = "s3cret-of-the-tests"

// doors are registries with each kind of credential, and how it is shown: by the path
// behind /in/NAME, and by headers.
func doors() (registries []any, shown map[string]func(secret string) (path string, h http.Header)) {
	add := func(name string, auth map[string]any) {
		registries = append(registries, map[string]any{"name": name, "type": "distribution", "auth": auth})
	}
	add("bearer", map[string]any{"bearer": secret})
	add("basic", map[string]any{"basic": map[string]any{"user": "hub", "password": secret}})
	add("header", map[string]any{"header": map[string]any{"name": "X-Token", "value": secret}})
	add("path", map[string]any{"path": secret})
	return registries, map[string]func(string) (string, http.Header){
		"bearer": func(s string) (string, http.Header) { return "", http.Header{"Authorization": {"Bearer " + s}} },
		"basic": func(s string) (string, http.Header) {
			return "", http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("hub:"+s))}}
		},
		"header": func(s string) (string, http.Header) { return "", http.Header{"X-Token": {s}} },
		"path":   func(s string) (string, http.Header) { return "/-/" + s, http.Header{} },
	}
}

// attack is a request that is wrong in one way.
type attack struct {
	what, method, path string
	header             http.Header
	status             int
}

// attacks are made of one request that is right.
func attacks() (all []attack) {
	_, doors := doors()
	for name, show := range doors {
		add := func(what, method, path string, h http.Header, status int) {
			all = append(all, attack{name + ": " + what, method, path, h, status})
		}
		at := "/in/" + name
		path, right := show(secret)
		forge := func(what, s string) {
			path, h := show(s)
			add(what, "POST", at+path, h, http.StatusUnauthorized)
		}
		forge("another secret", "another")
		forge("a shorter secret", secret[:len(secret)-1])
		forge("a longer secret", secret+"x")
		forge("the secret twice", secret+secret)
		forge("in capitals", strings.ToUpper(secret))
		forge("with quotes", "'"+secret+"'")
		forge("a name for the secret", "{env:SECRET}")
		forge("a pattern", "*")
		add("unsigned", "POST", at, http.Header{}, http.StatusUnauthorized)
		for other, show := range doors {
			if other != name {
				path, h := show(secret)
				add("shown as for "+other, "POST", at+path, h, http.StatusUnauthorized)
			}
		}
		add("the secret in the query", "POST", at+"?secret="+secret+"&token="+secret, http.Header{}, http.StatusUnauthorized)
		add("the secret in a cookie", "POST", at, http.Header{"Cookie": {"token=" + secret}}, http.StatusUnauthorized)
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post", "POSTS"} {
			add("method "+method, method, at+path, right, http.StatusMethodNotAllowed)
		}
		for _, wrong := range []string{
			"/", "/in", "/in/", "/IN/" + name, "//in/" + name, "/x/../in/" + name, "/./in/" + name, "/in//" + name,
			"/in/" + name + "x", "/in/" + strings.ToUpper(name), "/in/%00" + name, "/api/v1/events",
			at + "/a/b/c", at + "/-", at + "/-/",
		} {
			add("path "+wrong, "POST", wrong, right, http.StatusNotFound)
		}
		for key, values := range map[string][]string{
			"Origin":         {"https://evil.example", "null", "http://127.0.0.1", ""},
			"Sec-Fetch-Site": {"cross-site", "same-site", "x"},
		} {
			for _, value := range values {
				h := right.Clone()
				h.Set(key, value)
				add(fmt.Sprintf("%s %q", key, value), "POST", at+path, h, http.StatusForbidden)
			}
		}
	}
	return all
}

// Requests that are each wrong in one way are refused, and leave nothing behind. The right
// one is accepted once, however often it is posted.
func TestForged(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t, built(t, build))
	registries, doors := doors()
	w.write(registries, []any{}, []any{})
	t.Cleanup(w.sane)
	w.start()
	w.ready()
	client := &http.Client{
		Transport:     &http.Transport{MaxConnsPerHost: 2},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	send := func(method, path string, h http.Header, body []byte) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(w.ctx, method, "http://"+w.config.Listen+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = h.Clone()
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	body, err := poster.Envelope("forged", "team/app", "v1", time.Now().UTC())
	if err != nil {
		t.Fatal(err)
	}
	all := attacks()
	if len(all) < 150 {
		t.Fatalf("only %d attacks", len(all))
	}
	for _, a := range all {
		status, answer := send(a.method, a.path, a.header, body)
		if status != a.status {
			t.Errorf("%s: %s %s is answered %d %s, want %d", a.what, a.method, a.path, status, answer, a.status)
		}
		if strings.Contains(answer, secret) {
			t.Errorf("%s: the answer tells the secret: %s", a.what, answer)
		}
	}
	w.holds(0, 0)
	for name, show := range doors {
		path, h := show(secret)
		for i := range 10 {
			status, answer := send("POST", "/in/"+name+path, h, body)
			var said struct {
				Accepted   []string
				Duplicates int
			}
			if err := json.Unmarshal([]byte(answer), &said); err != nil || status != http.StatusAccepted ||
				(len(said.Accepted) == 1) != (i == 0) || (said.Duplicates == 1) != (i > 0) {
				t.Errorf("%s, time %d: %d %s, %v", name, i+1, status, answer, err)
			}
		}
	}
	w.holds(len(doors), 0)
	t.Logf("%d attacks refused", len(all))
}

// holds checks how many events and bodies in quarantine there are.
func (w *world) holds(events, quarantined int) {
	w.t.Helper()
	list, err := w.life.Events(w.ctx, 100)
	if err != nil || len(list) != events {
		w.t.Errorf("%d events are stored, %v; want %d", len(list), err, events)
	}
	bodies, err := w.life.Quarantine(w.ctx, 100)
	if err != nil || len(bodies) != quarantined {
		w.t.Errorf("%d bodies are in quarantine, %v; want %d", len(bodies), err, quarantined)
	}
}
