package app

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

const canary = "canary-3f9a1c"

// secretTarget has a secret in each place that a webhook may have one.
func secretTarget(url string) json.RawMessage {
	return body(fmt.Sprintf(`{"type":"webhook","retry":{"schedule":["0s","50ms"]},"options":{"url":"%s/hook?token=%s-query","headers":{"X-Token":"%[2]s-header"},"secrets":["%[2]s-sign-%[3]s"]}}`,
		url, canary, strings.Repeat("x", 24)))
}

// A secret is sent, and stands nowhere: not in the store's files, nor in a backup, the log,
// the audit, an answer or a trace.
func TestSecretsAreSealed(t *testing.T) {
	type seen struct{ query, header string }
	delivered := make(chan seen, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		delivered <- seen{r.URL.RawQuery, r.Header.Get("X-Token")}
	})
	c := startChangeable(t, loopback)
	c.must(
		objects.Change{Kind: objects.Target, Name: "ci", Body: secretTarget(hook)},
		objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["ci"]}`)},
		objects.Change{Kind: objects.Registry, Name: "lab", Body: body(`{"type":"distribution","url":"https://lab.example","auth":[{"bearer":"` + canary + `-bearer"},{"basic":{"user":"u","password":"` + canary + `-basic"}},{"header":{"name":"X-R","value":"` + canary + `-value"}},{"path":"` + canary + `-path"}],"credentials":{"username":"u","password":"` + canary + `-password"}}`)},
	)
	// One that is refused has it in no error.
	err := c.change(objects.Change{Kind: objects.Target, Name: "bad", Body: body(`{"type":"webhook","options":{"url":"gopher://` + canary + `","headers":{"bad name":"` + canary + `"},"secrets":[5,"` + canary + `"]}}`)})
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("a bad one: %v", err)
	}
	_, page := c.settled(c.notify("hub", push(t, "one"))[0], store.Delivered)
	want := seen{"token=" + canary + "-query", canary + "-header"}
	if got := <-delivered; got != want {
		t.Errorf("sent %+v, want %+v", got, want)
	}
	if status, _, err := ask("POST", "http://"+c.listen+"/in/lab/-/"+canary+"-path", push(t, "two")); status != http.StatusAccepted || err != nil {
		t.Error(status, err)
	}
	if got := <-delivered; got != want {
		t.Errorf("sent %+v, want %+v", got, want)
	}

	look := func(where, text string) {
		t.Helper()
		if i := strings.Index(text, canary); i >= 0 {
			t.Errorf("in %s: ...%q", where, text[max(0, i-60):min(len(text), i+40)])
		}
	}
	look("the trace", page)
	look("the log", c.log.String())
	for _, o := range c.now.objects() {
		look("an object", string(o.Body))
	}
	wantBody := `{"name":"ci","options":{"headers":{"X-Token":"********"},"secrets":["********"],"url":"` + hook + `/********"},"retry":{"schedule":["0s","50ms"]},"type":"webhook"}`
	if got := string(c.object(objects.Target, "ci").Body); got != wantBody {
		t.Errorf("it is shown as\n%s, want\n%s", got, wantBody)
	}
	for _, path := range []string{"/api/v1/rules", "/api/v1/targets", "/api/v1/audit", "/api/v1/plugins", "/api/v1/events"} {
		_, answer, err := ask("GET", "http://"+c.admin+path, "")
		must(t, err)
		look(path, answer)
	}
	backup, err := c.now.store.Backup(t.Context())
	must(t, err)
	copied, err := io.ReadAll(backup)
	must(t, errors.Join(err, backup.Close()))
	look("a backup", string(copied))
	var key string
	files, err := filepath.Glob(c.dir + "/data/*")
	must(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		look(f, string(b))
		if strings.HasSuffix(f, ".key") {
			key = strings.TrimSpace(string(b))
			if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the key's file has mode %v, %v", info.Mode(), err)
			}
		}
	}
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != objects.KeySize {
		t.Fatalf("the key is %d bytes, %v, among %q", len(raw), err, files)
	}
	for _, k := range []string{key, string(raw)} {
		if strings.Contains(string(copied), k) || strings.Contains(c.log.String(), k) {
			t.Error("the key is in a backup or in the log")
		}
	}
	c.restart()
	c.settled(c.notify("hub", push(t, "three"))[0], store.Delivered)
	if got := <-delivered; got != want {
		t.Errorf("sent %+v in another life", got)
	}
}

// A mask keeps a secret, but not where it would go elsewhere.
func TestMasksKeepSecrets(t *testing.T) {
	delivered := make(chan *http.Request, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) { delivered <- r })
	other := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent elsewhere") })
	c := startChangeable(t, loopback)
	options := func(url, more string) json.RawMessage {
		return body(`{"type":"webhook","options":{"url":"` + url + `","headers":{"X-Token":"********"}` + more + `},"description_":1}`)
	}
	strip := func(b json.RawMessage) json.RawMessage {
		return body(strings.Replace(string(b), `,"description_":1`, "", 1))
	}
	c.must(objects.Change{Kind: objects.Target, Name: "ci", Body: body(`{"type":"webhook","options":{"url":"` + hook + `","headers":{"X-Token":"s3cret"}}}`)},
		objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["ci"]}`)},
		objects.Change{Kind: objects.Registry, Name: "lab", Body: body(`{"type":"distribution","url":"https://a.example","auth":{"bearer":"b"},"credentials":{"username":"u","password":"p"}}`)})
	for what, b := range map[string]json.RawMessage{
		"another address":  strip(options(other, "")),
		"one more option":  strip(options(hook, `,"method":"PUT"`)),
		"one more header":  body(`{"type":"webhook","options":{"url":"` + hook + `","headers":{"X-Token":"********","X":"y"}}}`),
		"another header":   body(`{"type":"webhook","options":{"url":"` + hook + `","headers":{"X-Other":"********"}}}`),
		"another type":     body(`{"type":"slack","options":{"url":"` + hook + `","headers":{"X-Token":"********"}}}`),
		"a mask elsewhere": body(`{"type":"webhook","options":{"url":"` + hook + `/********","headers":{"X-Token":"********"}}}`),
	} {
		var invalid *objects.InvalidError
		err := c.change(objects.Change{Kind: objects.Target, Name: "ci", Version: 1, Body: b})
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "is the mask under which secrets are shown") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, b := range map[string]string{
		"another registry": `{"type":"distribution","url":"https://b.example","auth":{"bearer":"********"},"credentials":{"username":"u","password":"********"}}`,
		"another user":     `{"type":"distribution","url":"https://a.example","auth":{"bearer":"********"},"credentials":{"username":"v","password":"********"}}`,
		"another kind":     `{"type":"distribution","url":"https://a.example","auth":{"path":"********"},"credentials":{"username":"u","password":"********"}}`,
		"another header":   `{"type":"distribution","url":"https://a.example","auth":{"header":{"name":"X","value":"********"}}}`,
	} {
		if err := c.change(objects.Change{Kind: objects.Registry, Name: "lab", Version: 1, Body: body(b)}); err == nil || !strings.Contains(err.Error(), "is the mask") {
			t.Errorf("%s: %v", what, err)
		}
	}
	// What does not touch where it goes keeps it, more than once.
	for v := range int64(2) {
		c.must(objects.Change{Kind: objects.Target, Name: "ci", Version: v + 1,
			Body: body(fmt.Sprintf(`{"type":"webhook","timeout":"%ds","options":{"headers":{"X-Token":"********"},"url":"%s"}}`, v+5, hook))})
		c.must(objects.Change{Kind: objects.Registry, Name: "lab", Version: v + 1,
			Body: body(fmt.Sprintf(`{"type":"distribution","lookup":%v,"url":"https://a.example","auth":{"bearer":"********"},"credentials":{"username":"u","password":"********"}}`, v == 1))})
	}
	c.settled(c.notify("hub", push(t, "one"))[0], store.Delivered)
	if got := (<-delivered).Header.Get("X-Token"); got != "s3cret" {
		t.Errorf("sent %q", got)
	}
	// The audit says what was changed, and that a secret was given anew.
	c.must(objects.Change{Kind: objects.Target, Name: "ci", Version: 3, Body: body(`{"type":"webhook","timeout":"6s","options":{"url":"` + hook + `","headers":{"X-Token":"an0ther"}}}`)})
	entries, err := c.now.store.Audit(t.Context(), store.AuditQuery{Object: "target ci"})
	must(t, err)
	var said []string
	for _, e := range entries {
		said = append(said, e.What+string(e.Details))
	}
	want := `change{"version":4,"changed":["options.headers.X-Token"]} change{"version":3,"changed":["timeout"]} change{"version":2,"changed":["timeout"]} create{"version":1,"changed":["name","options.headers.X-Token","options.url","type"]}`
	if got := strings.Join(said, " "); got != want {
		t.Errorf("the audit says\n%s, want\n%s", got, want)
	}
}

// edit changes the store of a bellbuoy that does not run.
func edit(t *testing.T, dir string, queries ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", dir+"/data/bellbuoy.db")
	must(t, err)
	for _, q := range queries {
		_, err := db.ExecContext(t.Context(), q)
		must(t, err)
	}
	must(t, db.Close())
}

// What was sealed with a key that is gone, or for something else, is not opened; whatever
// needs none of it goes on.
func TestSecretsThatCannotBeOpened(t *testing.T) {
	hook := receiver(t, func(http.ResponseWriter, *http.Request) {})
	target := func(name string) objects.Change {
		return objects.Change{Kind: objects.Target, Name: name, Body: body(`{"type":"webhook","options":{"url":"` + hook + `/` + name + `","headers":{"X":"` + name + `"}}}`)}
	}
	for what, x := range map[string]struct {
		spoil    func(t *testing.T, dir string)
		inactive []string
	}{
		"the key is gone": {func(t *testing.T, dir string) { must(t, os.Remove(dir+"/data/bellbuoy.db.key")) }, []string{"a", "b"}},
		"another key": {func(t *testing.T, dir string) {
			must(t, os.WriteFile(dir+"/data/bellbuoy.db.key", []byte(base64.StdEncoding.EncodeToString(objects.NewKey())), 0o600))
		}, []string{"a", "b"}},
		"no key": {func(t *testing.T, dir string) {
			must(t, os.WriteFile(dir+"/data/bellbuoy.db.key", []byte("what"), 0o600))
		}, []string{"a", "b"}},
		"rows are swapped": {func(t *testing.T, dir string) {
			edit(t, dir, `UPDATE object SET sealed = (SELECT sealed FROM object WHERE name = 'b') WHERE name = 'a'`)
		}, []string{"a"}},
		"names are swapped": {func(t *testing.T, dir string) {
			edit(t, dir, `UPDATE object SET name = 'c', body = replace(body, '"b"', '"c"') WHERE name = 'b'`)
		}, []string{"c"}},
		"a byte is another": {func(t *testing.T, dir string) {
			edit(t, dir, `UPDATE object SET sealed = CAST(substr(sealed, 1, length(sealed) - 1) || x'00' AS BLOB) WHERE name = 'a'`)
		}, []string{"a"}},
		"the address is another": {func(t *testing.T, dir string) {
			edit(t, dir, `UPDATE object SET body = replace(body, '127.0.0.1', '127.0.0.2') WHERE name = 'a'`)
		}, []string{"a"}},
	} {
		t.Run(what, func(t *testing.T) {
			c := startChangeable(t, loopback)
			c.must(target("a"), target("b"),
				objects.Change{Kind: objects.Target, Name: "plain", Body: hookBody(hook)},
				objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["plain"]}`)},
				objects.Change{Kind: objects.Rule, Name: "of-a", Body: body(`{"enabled":false,"deliver":["a"]}`)})
			must(t, c.stop())
			x.spoil(t, c.dir)
			c.life.t = t
			c.begin(t)
			for _, o := range c.now.objects() {
				wrong := false
				for _, name := range x.inactive {
					wrong = wrong || o.Name == name
				}
				if (o.Inactive != "") != (wrong || o.Name == "of-a" && x.inactive[0] == "a") {
					t.Errorf("%s is inactive: %q", o.Name, o.Inactive)
				}
				if wrong && !strings.Contains(o.Inactive, "must be given again") {
					t.Errorf("%s is inactive: %s", o.Name, o.Inactive)
				}
			}
			c.settled(c.notify("hub", push(t, "one"))[0], store.Delivered)
			// A mask cannot keep it; the secret given again makes it good.
			name := x.inactive[0]
			o := c.object(objects.Target, name)
			if err := c.change(objects.Change{Kind: objects.Target, Name: name, Version: 1, Body: o.Body}); err == nil || !strings.Contains(err.Error(), "must be given again") {
				t.Errorf("the mask: %v", err)
			}
			err := c.change(objects.Change{Kind: objects.Target, Name: name, Version: 1, Body: target(name).Body})
			if what == "no key" {
				if err == nil || !strings.Contains(err.Error(), "holds no key") {
					t.Error(err)
				}
				return
			}
			must(t, err)
			if o := c.object(objects.Target, name); o.Inactive != "" {
				t.Error(o.Inactive)
			}
			if what == "rows are swapped" {
				if o := c.object(objects.Rule, "of-a"); o.Inactive != "" {
					t.Error(o.Inactive)
				}
			}
		})
	}
}

// A key that is replaced opens what it sealed as long as it is named among the old ones.
func TestKeysAreReplaced(t *testing.T) {
	key := func() string { return base64.StdEncoding.EncodeToString(objects.NewKey()) }
	first, second := key(), key()
	c := startChangeable(t, loopback+"secrets: {key: \""+first+"\"}\n")
	secret := func(name string) objects.Change {
		return objects.Change{Kind: objects.Registry, Name: name, Version: objects.Any, Body: body(`{"type":"distribution","auth":{"bearer":"s3cret"}}`)}
	}
	c.must(secret("a"), secret("b"))
	if _, err := os.Stat(c.dir + "/data/bellbuoy.db.key"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key was made though one is named: %v", err)
	}
	inactive := func(name string) string { return c.object(objects.Registry, name).Inactive }
	c.reloadable.change(loopback + "secrets: {key: \"" + second + "\", old: [\"" + first + "\"]}\n")
	if inactive("a") != "" || inactive("b") != "" {
		t.Error(inactive("a"), inactive("b"))
	}
	c.must(objects.Change{Kind: objects.Registry, Name: "a", Version: 1, Body: body(`{"type":"distribution","url":"https://a.example","auth":{"bearer":"********"}}`)})
	c.reloadable.change(loopback + "secrets: {key: \"" + second + "\"}\n")
	if inactive("a") != "" || !strings.Contains(inactive("b"), "must be given again") {
		t.Errorf("a: %q, b: %q", inactive("a"), inactive("b"))
	}
	c.must(secret("b"))
	c.reloadable.change(loopback) // no key is named any more: one is made
	if inactive("a") == "" || inactive("b") == "" {
		t.Error("they were opened without their key")
	}
	c.must(secret("b"))
	c.reloadable.change(loopback + "secrets: {key: \"" + second + "\"}\n")
	if inactive("a") != "" || inactive("b") != "" {
		t.Errorf("with both keys, a: %q, b: %q", inactive("a"), inactive("b"))
	}
	if strings.Contains(c.log.String(), first) || strings.Contains(c.log.String(), second) {
		t.Error("a key is in the log")
	}
}
