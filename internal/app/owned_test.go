package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/internal/store/postgrestest"
)

// A file that takes the name of an object goes before it; the object waits, and is used
// again when the file has none of its name.
func TestFileTakesAName(t *testing.T) {
	const nobody = "http://127.0.0.1:9/"
	c := startChangeable(t, loopback+oneRule("one", nobody))
	c.must(
		objects.Change{Kind: objects.Target, Name: "mine", Body: hookBody(nobody)},
		objects.Change{Kind: objects.Rule, Name: "two", Body: body(`{"deliver":["mine"]}`)},
	)
	file := loopback + "targets:\n" + target("ci", nobody) + target("mine", nobody+"file") + "rules:\n- {name: one, deliver: [ci]}\n- {name: two, deliver: [mine]}\n"
	c.reloadable.change(file)
	for name, kind := range map[string]objects.Kind{"mine": objects.Target, "two": objects.Rule} {
		o := c.object(kind, name)
		if !strings.HasPrefix(o.Owner, c.file+":") || !strings.Contains(o.Inactive, o.Owner+" has a ") {
			t.Errorf("%s: owner %q, inactive %q", name, o.Owner, o.Inactive)
		}
		var owned *objects.OwnedError
		if err := c.change(objects.Change{Kind: kind, Name: name, Version: 1, Body: o.Body}); !errors.As(err, &owned) || owned.Owner != o.Owner {
			t.Errorf("changed: %v", err)
		}
	}
	v := c.running()
	if len(v.Rules) != 2 || v.Rules[1].Owner.Kind != "file" || len(v.Inactive) != 2 || v.Inactive[0].Name != "mine" || v.Inactive[0].Owner.By != "ann" || v.Inactive[0].File == "" {
		t.Errorf("told: %+v", v)
	}
	c.reloadable.change(loopback + oneRule("one", nobody))
	v = c.running()
	if len(v.Inactive) != 0 || len(v.Rules) != 2 || v.Rules[1].Name != "two" || v.Rules[1].Owner.Kind != "api" || v.Rules[1].Owner.Version != 1 || v.Rules[1].Source != nil {
		t.Errorf("told: %+v", v)
	}
	// What was made here may be deleted though a file has its name.
	c.reloadable.change(file)
	c.must(objects.Change{Kind: objects.Rule, Name: "two", Version: objects.Any})
	if v := c.running(); len(v.Rules) != 2 || len(v.Inactive) != 1 {
		t.Errorf("told: %+v", v)
	}
}

// A file that drops what an object refers to is not refused for it. The object says what is
// missing, until it is there again.
func TestFileDropsATarget(t *testing.T) {
	delivered := make(chan string, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) { delivered <- r.URL.Path })
	both := loopback + "targets:\n" + target("ci", hook+"/ci") + target("ops", hook+"/ops") + "rules: [{name: off, enabled: false, deliver: [ci]}]\n"
	c := startChangeable(t, both)
	c.must(objects.Change{Kind: objects.Rule, Name: "mine", Body: body(`{"deliver":["ops"]}`)})
	c.settled(c.notify("hub", push(t, "one"))[0], store.Delivered)
	if got := <-delivered; got != "/ops" {
		t.Error(got)
	}
	c.reloadable.change(loopback + "targets:\n" + target("ci", hook+"/ci") + "rules: [{name: off, enabled: false, deliver: [ci]}]\n")
	if o := c.object(objects.Rule, "mine"); !strings.Contains(o.Inactive, `deliver[0]: unknown target "ops"`) || o.Owner != "" {
		t.Errorf("the rule is %+v", o)
	}
	if v := c.running(); v.Failed != nil || len(v.Rules) != 1 {
		t.Errorf("told: %+v", v)
	}
	// It cannot be changed to what is no better, nor keeps it others from being changed.
	if err := c.change(objects.Change{Kind: objects.Rule, Name: "mine", Version: 1, Body: body(`{"deliver":["ops"],"description":"x"}`)}); err == nil {
		t.Error("it was changed")
	}
	c.must(objects.Change{Kind: objects.Rule, Name: "other", Body: body(`{"deliver":["ci"],"enabled":false}`)})
	c.reloadable.change(both)
	if o := c.object(objects.Rule, "mine"); o.Inactive != "" {
		t.Errorf("the rule is %+v", o)
	}
	c.settled(c.notify("hub", push(t, "two"))[0], store.Delivered)
	if got := <-delivered; got != "/ops" {
		t.Error(got)
	}
	if n := strings.Count(c.log.String(), "is not in use"); n != 1 {
		t.Errorf("it was logged %d times that it is not in use", n)
	}
}

// What a rule asks of a file's target is the rule's fault, and never the file's.
func TestFilesAreNeverBlamed(t *testing.T) {
	const narrow = "{{with .quota}}{{len .used_bytes}}{{end}}"
	file := loopback + "targets:\n- {name: ci, type: webhook, template: {text: \"" + narrow + "\"}, options: {url: \"http://127.0.0.1:9/\"}}\n" +
		"rules: [{name: one, events: [artifact.pushed], deliver: [ci]}]\n"
	c := startChangeable(t, file)
	quota := objects.Change{Kind: objects.Rule, Name: "mine", Body: body(`{"events":["quota.warning"],"deliver":["ci"]}`)}
	const want = `the template.text of target "ci" does not work for all that the rule takes: fails for an event of type quota.warning`
	if err := c.change(quota); err == nil || !strings.Contains(err.Error(), "deliver[0] "+want) {
		t.Error(err)
	}
	c.must(objects.Change{Kind: objects.Rule, Name: "replaced", Body: body(`{"events":["quota.warning"],"deliver":[{"target":"ci","template":{"text":"{{.type}}"}}]}`)},
		objects.Change{Kind: objects.Rule, Name: "pushes", Body: body(`{"events":["artifact.*"],"deliver":["ci"]}`)})
	c.reloadable.change(strings.Replace(file, narrow, "{{.type}}", 1))
	c.must(quota)
	c.reloadable.change(file)
	if v := c.running(); v.Failed != nil || len(v.Rules) != 3 || len(v.Inactive) != 1 || v.Inactive[0].Name != "mine" || !strings.Contains(v.Inactive[0].Why, want) {
		t.Errorf("told: %+v", v)
	}
	// The same of a target that was made here: whoever changes it is told of the rule.
	made := func(template string) objects.Change {
		return objects.Change{Kind: objects.Target, Name: "made", Version: objects.Any, Body: body(`{"type":"webhook","template":{"text":"` + template + `"},"options":{"url":"http://127.0.0.1:9/"}}`)}
	}
	c.must(made("{{.type}}"), objects.Change{Kind: objects.Rule, Name: "of-made", Body: body(`{"events":["quota.warning"],"deliver":["made"]}`)})
	var inUse *objects.InUseError
	if err := c.change(made(narrow)); !errors.As(err, &inUse) || inUse.Name != "made" || len(inUse.By) != 1 || !strings.HasPrefix(inUse.By[0], "rule of-made: ") {
		t.Error(err)
	}
}

// Without a file there are objects too, beside what bellbuoy has then.
func TestObjectsWithoutAFile(t *testing.T) {
	runtimeDir(t)
	t.Chdir(t.TempDir())
	st, err := store.Open(t.Context(), "bellbuoy.db", store.Options{Version: "test"})
	must(t, err)
	defer st.Close()
	set, _, err := load(t.Context(), Files{}, "test")
	must(t, err)
	now := &running{store: st, log: discard(), version: "test", guard: access.New(access.Config{}), behind: make(chan struct{}, 1)}
	must(t, now.begin(t.Context(), set))
	defer now.close()
	for name, kind := range map[string]objects.Kind{"inbox": objects.Target, "everything": objects.Rule, "harbor": objects.Registry} {
		var owned *objects.OwnedError
		err := now.change(t.Context(), "", []objects.Change{{Kind: kind, Name: name, Body: body(`{}`), Version: objects.Any}})
		if !errors.As(err, &owned) || owned.Owner != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, now.change(t.Context(), "", []objects.Change{{Kind: objects.Rule, Name: "mine", Body: body(`{"deliver":["inbox"]}`)}}))
	v := now.shown()
	if len(v.Rules) != 2 || v.Rules[0].Owner.Kind != "default" || v.Rules[1].Owner.Kind != "api" || v.Registries[0].Owner.Kind != "default" {
		t.Errorf("told: %+v", v)
	}
}

// Of changes of the same object that are made at once, one is made.
func TestChangesAtOnce(t *testing.T) {
	c := startChangeable(t, oneRule("one", "http://127.0.0.1:9/"))
	c.must(objects.Change{Kind: objects.Rule, Name: "mine", Body: body(`{"deliver":["ci"]}`)})
	var mu sync.Mutex
	made := 0
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			err := c.change(objects.Change{Kind: objects.Rule, Name: "mine", Version: 1, Body: body(fmt.Sprintf(`{"deliver":["ci"],"description":"%d"}`, i))})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case !errors.Is(err, objects.ErrVersion):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 || c.object(objects.Rule, "mine").Version != 2 {
		t.Errorf("%d were made: %+v", made, c.object(objects.Rule, "mine"))
	}
}

// What was written down and could not be used is used as soon as it can be, and after a
// crash too.
func TestChangeThatIsNotInUse(t *testing.T) {
	c := startChangeable(t, oneRule("one", "http://127.0.0.1:9/"))
	edit(t, c.dir, `CREATE TRIGGER full BEFORE INSERT ON rule_set BEGIN SELECT raise(ABORT, 'no room'); END`)
	err := c.change(objects.Change{Kind: objects.Rule, Name: "mine", Body: body(`{"deliver":["ci"]}`)})
	if err == nil || !strings.Contains(err.Error(), "is written down, and not in use yet") {
		t.Fatal(err)
	}
	if v := c.running(); len(v.Rules) != 1 {
		t.Errorf("in use: %+v", v)
	}
	edit(t, c.dir, `DROP TRIGGER full`)
	c.until("the change is in use", func() bool { return len(c.running().Rules) == 2 })
	// Written by one that dies before it uses it.
	_, _, err = c.now.store.ChangeObjects(t.Context(), "ann", c.now.now.Load().generation,
		[]store.ObjectChange{{Kind: "rule", Name: "late", Body: json.RawMessage(`{"name":"late","deliver":["ci"]}`)}})
	must(t, err)
	if v := c.running(); len(v.Rules) != 2 {
		t.Errorf("in use: %+v", v)
	}
	c.restart()
	if v := c.running(); len(v.Rules) != 3 || v.Rules[2].Name != "late" {
		t.Errorf("in use: %+v", v)
	}
}

// A target of the API reaches what is public and what egress.allow names, and nothing else,
// whatever its name resolves to; what a file has is not bound by that.
func TestEgressOfObjects(t *testing.T) {
	hook := receiver(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(hook, "http://"))
	must(t, err)
	named := "http://localhost:" + port
	file := "targets:\n" + target("file", named) + "rules: [{name: of-file, scope: {repositories: [none]}, deliver: [file]}]\n"
	c := startChangeable(t, file)
	for _, host := range []string{"127.0.0.1", "[::1]", "10.1.2.3", "169.254.169.254", "[fd00:ec2::254]", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"} {
		for typ, options := range map[string]string{
			"webhook":  `{"url":"http://` + host + `/"}`,
			"slack":    `{"url":"http://` + host + `/services/a"}`,
			"dingtalk": `{"url":"http://` + host + `/robot/send?access_token=a"}`,
			"flowdock": `{"flow_api_token":"a","base_url":"http://` + host + `/"}`,
			"email":    `{"host":"` + strings.Trim(host, "[]") + `","from":"a@example.com","to":["b@example.com"]}`,
			"shoutrrr": `{"url":"gotify://` + host + `/AzyoeNS.D4iJLVa"}`,
		} {
			err := c.change(objects.Change{Kind: objects.Target, Name: "mine", Body: body(`{"type":"` + typ + `","options":` + options + `}`)})
			var invalid *objects.InvalidError
			if !errors.As(err, &invalid) {
				t.Errorf("%s to %s: %v", typ, host, err)
			}
		}
	}
	c.must(objects.Change{Kind: objects.Target, Name: "mine", Body: body(`{"type":"webhook","retry":{"schedule":["0s","50ms"]},"options":{"url":"` + named + `"}}`)},
		objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["mine"]}`)})
	id := c.notify("hub", push(t, "one"))[0]
	var tr trace
	c.until("it is refused", func() bool {
		c.get("/api/v1/events/"+id, &tr)
		return len(tr.Deliveries) == 1 && len(tr.Deliveries[0].Attempts) > 0
	})
	if a := tr.Deliveries[0].Attempts[0]; !strings.Contains(a.Error, "egress") || a.Outcome == "delivered" {
		t.Errorf("the attempt is %+v", a)
	}
	c.reloadable.change("egress: {allow: [127.0.0.0/8, \"::1/128\"]}\n" + file)
	c.settled(c.notify("hub", push(t, "two"))[0], store.Delivered)
	c.reloadable.change(strings.Replace(file, "[none]", `["**"]`, 1))
	c.must(objects.Change{Kind: objects.Rule, Name: "all", Version: 1})
	c.settled(c.notify("hub", push(t, "three"))[0], store.Delivered)
}

// Two bellbuoys on one PostgreSQL go by the same objects within moments, whichever of them
// was told.
func TestObjectsAreShared(t *testing.T) {
	db, err := postgrestest.Start(context.Background())
	if errors.Is(err, postgrestest.ErrMissing) && os.Getenv("BELLBUOY_TEST_REQUIRE") != "all" {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, db.Stop()) })
	url, err := db.Database(context.Background(), "")
	must(t, err)
	runtimeDir(t)
	delivered := make(chan string, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) { delivered <- r.Header.Get("X-Token") })
	text := "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: \"" + url + "\"\nregistries: [{name: hub, type: distribution}]\n" + loopback
	first := beginChangeable(t, text)
	secret := body(`{"type":"webhook","options":{"url":"` + hook + `","headers":{"X-Token":"s3cret"}}}`)
	err = first.change(objects.Change{Kind: objects.Target, Name: "ci", Body: secret})
	var invalid *objects.InvalidError
	if !errors.As(err, &invalid) || invalid.Faults[0].Path != "options.headers.X-Token" || !strings.Contains(invalid.Faults[0].Message, "secrets.key") {
		t.Errorf("without a key: %v", err)
	}
	must(t, first.stop())
	text += "secrets: {key: \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"}\n"
	first, second := beginChangeable(t, text), beginChangeable(t, text)
	first.must(objects.Change{Kind: objects.Target, Name: "ci", Body: secret}, objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["ci"]}`)})
	second.until("the other uses it", func() bool { return len(second.running().Rules) == 1 })
	second.settled(second.notify("hub", push(t, "one"))[0], store.Delivered)
	if got := <-delivered; got != "s3cret" {
		t.Errorf("sent %q", got)
	}
	// One that has not heard yet of a change makes none that goes against it.
	made := make(chan error, 2)
	for i, c := range []*changeable{first, second} {
		go func() {
			made <- c.change(objects.Change{Kind: objects.Rule, Name: "all", Version: 1, Body: body(fmt.Sprintf(`{"deliver":["ci"],"description":"%d"}`, i))})
		}()
	}
	errs := []error{<-made, <-made}
	if n := slices.IndexFunc(errs, func(err error) bool { return err == nil }); n < 0 || !errors.Is(errs[1-n], objects.ErrVersion) {
		t.Errorf("both: %v", errs)
	}
	second.must(objects.Change{Kind: objects.Rule, Name: "all", Version: objects.Any}, objects.Change{Kind: objects.Target, Name: "ci", Version: objects.Any})
	first.until("the first forgets it", func() bool { return len(first.now.objects()) == 0 })
}
