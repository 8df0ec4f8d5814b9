package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// changeable is a life whose objects may be changed.
type changeable struct {
	*reloadable
	now *running
}

const loopback = "egress: {allow: [127.0.0.0/8]}\n"

// startChangeable begins a life with a config to which objects may be added.
func startChangeable(t *testing.T, rest string) *changeable {
	t.Helper()
	runtimeDir(t)
	file, dir := write(t, "")
	must(t, os.Mkdir(dir+"/data", 0o700))
	c := &changeable{reloadable: &reloadable{file: file, dir: dir, hup: make(chan os.Signal, 1)}}
	put(t, file, c.config(rest))
	c.begin(t)
	return c
}

// beginChangeable begins a life with a whole config.
func beginChangeable(t *testing.T, text string) *changeable {
	t.Helper()
	file, dir := write(t, text)
	c := &changeable{reloadable: &reloadable{file: file, dir: dir, hup: make(chan os.Signal, 1)}}
	c.begin(t)
	return c
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (c *changeable) begin(t *testing.T) {
	t.Helper()
	c.life = begin(t, func(ctx context.Context, o Options) error {
		o.Files.Config, o.Reload = c.file, c.hup
		o.begun = func(now *running) { c.now = now }
		return Run(ctx, o)
	})
}

// restart ends the life and begins another.
func (c *changeable) restart() {
	c.t.Helper()
	must(c.t, c.stop())
	c.begin(c.t)
}

func body(v string) json.RawMessage { return json.RawMessage(v) }

func hookBody(url string) json.RawMessage {
	return body(`{"type":"webhook","retry":{"schedule":["0s","50ms"]},"options":{"url":"` + url + `"}}`)
}

func (c *changeable) change(changes ...objects.Change) error {
	return c.now.change(c.t.Context(), "ann", changes)
}

func (c *changeable) must(changes ...objects.Change) {
	c.t.Helper()
	if err := c.change(changes...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *changeable) object(kind objects.Kind, name string) objects.Object {
	c.t.Helper()
	for _, o := range c.now.objects() {
		if o.Kind == kind && o.Name == name {
			return o
		}
	}
	c.t.Fatalf("there is no %s %s", kind, name)
	return objects.Object{}
}

// What is made through the API is used by the next event, and in another life.
func TestObjectsAreInUse(t *testing.T) {
	delivered := make(chan string, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) { delivered <- r.URL.Path })
	c := startChangeable(t, loopback)
	c.must(
		objects.Change{Kind: objects.Registry, Name: "lab", Body: body(`{"type":"distribution"}`)},
		objects.Change{Kind: objects.Target, Name: "ci", Body: hookBody(hook + "/one")},
		objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["ci"],"scope":{"registries":["lab"]}}`)},
	)
	c.settled(c.notify("lab", push(t, "one"))[0], store.Delivered)
	if got := <-delivered; got != "/one" {
		t.Error(got)
	}
	c.must(objects.Change{Kind: objects.Target, Name: "ci", Version: 1, Body: hookBody(hook + "/two")})
	c.settled(c.notify("lab", push(t, "two"))[0], store.Delivered)
	if got := <-delivered; got != "/two" {
		t.Error(got)
	}
	c.restart()
	c.settled(c.notify("lab", push(t, "three"))[0], store.Delivered)
	if got := <-delivered; got != "/two" {
		t.Error(got)
	}
	if o := c.object(objects.Target, "ci"); o.Version != 2 || o.By != "ann" || o.Inactive != "" {
		t.Errorf("the target is %+v", o)
	}
	c.must(objects.Change{Kind: objects.Rule, Name: "all", Version: objects.Any})
	c.must(objects.Change{Kind: objects.Registry, Name: "lab", Version: 1}, objects.Change{Kind: objects.Target, Name: "ci", Version: 2})
	if list := c.now.objects(); len(list) != 0 {
		t.Errorf("there are still %+v", list)
	}
	if status, _, err := ask("POST", "http://"+c.listen+"/in/lab", push(t, "four")); status != http.StatusNotFound || err != nil {
		t.Error(status, err)
	}
}

// Each reason for which a change is not made, and that nothing of it is.
func TestChangesThatAreRefused(t *testing.T) {
	c := startChangeable(t, loopback+"plugins: {allow: [exec]}\n"+oneRule("one", "http://127.0.0.1:9/"))
	c.must(
		objects.Change{Kind: objects.Target, Name: "t", Body: hookBody("http://127.0.0.1:9/t")},
		objects.Change{Kind: objects.Rule, Name: "r", Body: body(`{"deliver":["t"]}`)},
	)
	target, rule, registry := objects.Target, objects.Rule, objects.Registry
	for _, x := range []struct {
		what string
		ch   objects.Change
		want string // the error, or "PATH: MESSAGE" of the first fault
	}{
		{"there is one", objects.Change{Kind: rule, Name: "r", Body: body(`{"deliver":["t"]}`)}, objects.ErrExists.Error()},
		{"there is none", objects.Change{Kind: rule, Name: "s", Version: 1, Body: body(`{"deliver":["t"]}`)}, objects.ErrNotFound.Error()},
		{"none to delete", objects.Change{Kind: rule, Name: "s", Version: objects.Any}, objects.ErrNotFound.Error()},
		{"another version", objects.Change{Kind: rule, Name: "r", Version: 2, Body: body(`{"deliver":["t"]}`)}, objects.ErrVersion.Error()},
		{"in use", objects.Change{Kind: target, Name: "t", Version: 1}, `target "t" cannot be changed so, since others go by it: rule r: deliver[0]: unknown target "t"`},
		{"a file's", objects.Change{Kind: target, Name: "ci", Version: objects.Any, Body: hookBody("http://127.0.0.1:9/t")}, `target "ci" is defined in ` + c.file + `:8`},
		{"a file's to delete", objects.Change{Kind: rule, Name: "one", Version: objects.Any}, `rule "one" is defined in ` + c.file + `:9`},
		{"no JSON", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":`)}, `is not JSON`},
		{"a list", objects.Change{Kind: rule, Name: "s", Body: body(`[]`)}, `wants keys and values, found a list`},
		{"null", objects.Change{Kind: rule, Name: "s", Body: body(`null`)}, `is empty`},
		{"more behind it", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["t"]} {}`)}, `there is more behind it`},
		{"twice given", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["t"],"deliver":["t"]}`)}, `the key "deliver" is given twice`},
		{"unknown key", objects.Change{Kind: rule, Name: "s", Body: body(`{"delivers":["t"]}`)}, `delivers unknown key: did you mean "deliver"?`},
		{"missing key", objects.Change{Kind: rule, Name: "s", Body: body(`{}`)}, `deliver is missing`},
		{"another name", objects.Change{Kind: rule, Name: "s", Body: body(`{"name":"r","deliver":["t"]}`)}, `name is not "s"`},
		{"no name", objects.Change{Kind: rule, Name: "S", Body: body(`{"deliver":["t"]}`)}, `name "S" is no name`},
		{"a long name", objects.Change{Kind: rule, Name: strings.Repeat("s", 201), Body: body(`{"deliver":["t"]}`)}, `name is longer`},
		{"large", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["t"],"description":"` + strings.Repeat("s", 64<<10) + `"}`)}, `is larger than 64 KiB`},
		{"a bad note", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["t"]}`), Note: body(`{`)}, `its note is no JSON`},
		{"unknown target", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["cj"]}`)}, `deliver[0] unknown target "cj": did you mean "ci"?`},
		{"unknown registry", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["ci"],"scope":{"registries":["hob"]}}`)}, `scope.registries[0] unknown registry "hob"`},
		{"bad pattern", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["ci"],"tag":{"regex":"("}}`)}, `tag.regex `},
		{"bad type of event", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["ci"],"events":["artifact.psuhed"]}`)}, `events[0] unknown event type "artifact.psuhed": did you mean "artifact.pushed"?`},
		{"bad expression", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":["ci"],"where":"event."}`)}, `where `},
		{"bad template", objects.Change{Kind: rule, Name: "s", Body: body(`{"deliver":[{"target":"ci","template":{"text":"{{.x"}}]}`)}, `deliver[0].template.text`},
		{"bad option", objects.Change{Kind: target, Name: "s", Body: hookBody("gopher://x")}, `options.url is neither http nor https`},
		{"unknown type", objects.Change{Kind: target, Name: "s", Body: body(`{"type":"webhok","options":{}}`)}, `type unknown target type "webhok": did you mean "webhook"?`},
		{"out of range", objects.Change{Kind: target, Name: "s", Body: body(`{"type":"webhook","timeout":"1h","options":{"url":"http://127.0.0.1/"}}`)}, `timeout 1h`},
		{"exec", objects.Change{Kind: target, Name: "s", Body: body(`{"type":"exec","options":{"command":["true"]}}`)}, `options.command runs on the machine that bellbuoy is on`},
		{"a variable", objects.Change{Kind: target, Name: "s", Body: body(`{"type":"webhook","options":{"url":{"env":"HOME"}}}`)}, `options.url names a variable of the machine`},
		{"a file", objects.Change{Kind: target, Name: "s", Body: body(`{"type":"webhook","options":{"url":"http://127.0.0.1/","headers":{"X":{"file":"/etc/passwd"}}}}`)}, `options.headers.X names a file of the machine`},
		{"a registry's variable", objects.Change{Kind: registry, Name: "s", Body: body(`{"type":"distribution","auth":{"bearer":{"env":"HOME"}}}`)}, `auth.bearer names a variable`},
		{"a registry's CA", objects.Change{Kind: registry, Name: "s", Body: body(`{"type":"distribution","auth":{"client_ca":"/etc/passwd"}}`)}, `auth.client_ca names a file`},
		{"bellbuoy's own", objects.Change{Kind: registry, Name: "bellbuoy", Body: body(`{"type":"distribution"}`)}, `name "bellbuoy" is the registry`},
		{"no kind", objects.Change{Kind: "user", Name: "s", Body: body(`{}`)}, `"user" is no kind`},
		{"a mask for nothing", objects.Change{Kind: registry, Name: "s", Body: body(`{"type":"distribution","auth":{"bearer":"********"}}`)}, `auth.bearer is the mask`},
		{"a proxy", objects.Change{Kind: target, Name: "s", Body: body(`{"type":"webhook","options":{"url":"http://127.0.0.1/","proxy":"http://127.0.0.1:3128"}}`)}, `options.proxy`},
		{"a CA file", objects.Change{Kind: target, Name: "s", Body: body(`{"type":"webhook","options":{"url":"https://127.0.0.1/","tls":{"ca":"/etc/passwd"}}}`)}, `options.tls.ca`},
		{"a registry at metadata", objects.Change{Kind: registry, Name: "s", Body: body(`{"type":"distribution","lookup":true,"url":"http://169.254.169.254"}`)}, `url names 169.254.169.254`},
		{"a registry at a private address", objects.Change{Kind: registry, Name: "s", Body: body(`{"type":"harbor","lookup":true,"url":"http://0xa.1"}`)}, `url names 10.0.0.1`},
		{"metadata", objects.Change{Kind: target, Name: "s", Body: hookBody("http://169.254.169.254/latest")}, `options.url`},
		{"a private address", objects.Change{Kind: target, Name: "s", Body: hookBody("http://10.0.0.1/")}, `options.url`},
	} {
		// With a good one before it, which must not be made either.
		err := c.change(objects.Change{Kind: rule, Name: "good", Body: body(`{"deliver":["ci"]}`)}, x.ch)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %s", x.what, err, x.want)
		}
	}
	if err := c.change(objects.Change{Kind: rule, Name: "twice", Body: body(`{"deliver":["ci"]}`)}, objects.Change{Kind: rule, Name: "twice", Body: body(`{"deliver":["ci"]}`)}); err == nil || !strings.Contains(err.Error(), "twice at once") {
		t.Error(err)
	}
	var names []string
	for _, o := range c.now.objects() {
		names = append(names, o.Name)
	}
	if want := []string{"t", "r"}; !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
	var inUse *objects.InUseError
	if err := c.change(objects.Change{Kind: target, Name: "t", Version: 1}); !errors.As(err, &inUse) || inUse.Kind != target || len(inUse.By) != 1 {
		t.Error(err)
	}
}

// The registries are told of with who defines them, and when they were last heard, also in
// an earlier life.
func TestRegistriesAreShown(t *testing.T) {
	c := startChangeable(t, oneRule("one", "http://127.0.0.1:9/"))
	c.must(objects.Change{Kind: objects.Registry, Name: "lab", Body: body(`{"type":"harbor","url":"https://lab.example"}`)})
	c.notify("hub", push(t, "one"))
	for range 2 {
		list := c.now.shown().Registries
		if len(list) != 2 {
			t.Fatalf("%+v", list)
		}
		hub, lab := list[0], list[1]
		if hub.Owner.Kind != "file" || hub.Owner.Line != 4 || hub.Heard == nil || hub.Heard.IsZero() {
			t.Errorf("hub is %+v", hub)
		}
		if lab.Owner.Kind != "api" || lab.URL != "https://lab.example" || lab.Type != "harbor" || lab.Heard != nil {
			t.Errorf("lab is %+v", lab)
		}
		c.restart()
	}
}

// What waits for a target that is deleted is parked, and goes on when it is made again.
func TestDeletedTargetParks(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	hook := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c := startChangeable(t, loopback)
	c.must(objects.Change{Kind: objects.Target, Name: "ci", Body: hookBody(hook)}, objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["ci"]}`)})
	id := c.notify("hub", push(t, "one"))[0]
	c.must(objects.Change{Kind: objects.Rule, Name: "all", Version: 1}, objects.Change{Kind: objects.Target, Name: "ci", Version: 1})
	c.settled(id, store.Parked)
	down.Store(false)
	c.must(objects.Change{Kind: objects.Target, Name: "ci", Body: hookBody(hook)})
	c.settled(id, store.Delivered)
	if o := c.object(objects.Target, "ci"); o.Version != 1 {
		t.Errorf("made again it has version %d", o.Version)
	}
}

// There is a bound to how many there may be.
func TestObjectsAreBounded(t *testing.T) {
	c := startChangeable(t, oneRule("one", "http://127.0.0.1:9/"))
	must(t, c.stop())
	edit(t, c.dir, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		INSERT INTO object (kind, name, body, version, created, changed, by)
		SELECT 'rule', 'r' || i, '{"name":"r' || i || '","enabled":false,"deliver":["ci"]}', 1, 0, 0, '' FROM n`)
	c.begin(t)
	more := objects.Change{Kind: objects.Rule, Name: "more", Body: body(`{"deliver":["ci"]}`)}
	if err := c.change(more); err == nil || !strings.Contains(err.Error(), "there are 20000 objects already") {
		t.Error(err)
	}
	c.must(objects.Change{Kind: objects.Rule, Name: "r1", Version: objects.Any}, more)
	if n := len(c.now.objects()); n != 20000 {
		t.Errorf("there are %d", n)
	}
}

// A registry that was made through the API is asked within the bounds of its targets; one of
// a file may be anywhere. It stays the same while others change.
func TestLookupsOfObjectsAreGuarded(t *testing.T) {
	c := startChangeable(t, "targets: []\n")
	put(t, c.file, strings.Replace(c.config(""), "type: distribution", "type: distribution, lookup: true, url: \"http://127.0.0.1:9\"", 1))
	c.hup <- nil
	c.until("the file's registry is asked", func() bool { return c.now.now.Load().asked["hub"].source != nil })
	c.must(objects.Change{Kind: objects.Registry, Name: "lab", Body: body(`{"type":"distribution","lookup":true,"url":"http://localhost:9"}`)})
	asked := c.now.now.Load().asked
	if asked["hub"].of.Guard != nil || asked["lab"].of.Guard == nil {
		t.Fatalf("they are asked as %+v", asked)
	}
	if err := asked["lab"].of.Guard.Control("tcp", "127.0.0.1:9", nil); err == nil || !strings.Contains(err.Error(), "egress") {
		t.Error(err)
	}
	c.must(objects.Change{Kind: objects.Rule, Name: "off", Body: body(`{"enabled":false,"deliver":["none"]}`)}, objects.Change{Kind: objects.Target, Name: "none", Body: hookBody("https://example.com/")})
	if now := c.now.now.Load().asked["lab"].source; now != asked["lab"].source {
		t.Error("a change of others forgets what the registry has answered")
	}
}
