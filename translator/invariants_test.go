package translator_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
	"github.com/bellbuoy/bellbuoy/internal/schema"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// always reads and translates a request, and fails t unless all holds that does of every
// one, whatever it says. It returns the events; none where the body cannot be read.
func (g registry) always(t *testing.T, r *http.Request, body []byte) []event.Event {
	t.Helper()
	in := saidBy(r, body)
	var all []event.Event
	for _, n := range adaptertest.Read(t, g.adapter, r, body) {
		events := g.translate(g.source(), n)
		if len(events) == 0 {
			t.Fatalf("%s became no event", n.Raw)
		}
		g.identified(t, n, events)
		for _, e := range events {
			wellFormed(t, e)
			noneInvented(t, g.name, e, in)
		}
		all = append(all, events...)
	}
	return all
}

// identified checks the ids of the events that n became: the same each time, others for
// another registry, and all different; none where n has none.
func (g registry) identified(t *testing.T, n adapters.Notification, events []event.Event) {
	t.Helper()
	if again := g.translate(g.source(), n); dump(t, again) != dump(t, events) {
		t.Fatalf("%s became %s, and %s the second time", n.Raw, dump(t, events), dump(t, again))
	}
	elsewhere := g.source()
	elsewhere.Registry.Name = "elsewhere"
	there := g.translate(elsewhere, n)
	seen := map[string]bool{}
	for i, e := range events {
		if n.ID == "" {
			if e.ID != "" {
				t.Fatalf("id %q of a notification without one", e.ID)
			}
			continue
		}
		if uuid.Validate(e.ID) != nil || seen[e.ID] || e.ID == there[i].ID {
			t.Fatalf("id %d of %s is %q, and %q in another registry", i, n.Raw, e.ID, there[i].ID)
		}
		seen[e.ID] = true
	}
}

// model is the published schema, read once.
var model = sync.OnceValues(func() (*schema.Validator, error) {
	text, err := os.ReadFile("../docs/event.schema.json")
	if err != nil {
		return nil, err
	}
	return schema.Compile(text)
})

// wellFormed checks what a reader of the model may count on: the schema, and what that
// cannot say.
func wellFormed(t *testing.T, e event.Event) {
	t.Helper()
	v, err := model()
	if err != nil {
		t.Fatal(err)
	}
	if e.ID == "" {
		e.ID = anID
	}
	if err := v.Validate([]byte(dump(t, e))); err != nil {
		t.Fatalf("%v: %s", err, dump(t, e))
	}
	if r := e.Repository; r != nil && r.FullName != "" {
		if want := strings.TrimPrefix(r.Namespace+"/"+r.Name, "/"); r.FullName != want && r.FullName != "/"+want {
			t.Fatalf("full name %q of %q and %q", r.FullName, r.Namespace, r.Name)
		}
	}
	if a := e.Artifact; a != nil && a.Subject != "" {
		if len(a.Tags) != 1 || !strings.HasPrefix(a.Tags[0], strings.Replace(a.Subject, ":", "-", 1)) {
			// Only zot sends a manifest along, that can say it.
			if e.Registry.Type != "cloudevents" || !strings.HasPrefix(e.Native.Type, "zotregistry.") {
				t.Fatalf("subject %q is not what the tags %q say", a.Subject, a.Tags)
			}
		}
	}
}

// closed are the fields that are from a list of the schema's.
var closed = []string{"type", "status", "time_source", "origin", "artifact.kind", "scan.kind", "scan.severity", "vulnerability.severity"}

// parts are the fields that hold a part of a text: what stands behind a slash or an @,
// one word of several, a text without the prose behind it.
var parts = []string{
	"registry.host", "repository.namespace", "repository.name", "repository.url", "artifact.digest", "request_id",
	"build.manifest_digests", "vulnerability.links", "quota.resource", "replication.succeeded.name", "replication.failed.name",
}

// quayEvents are the names by which an unnamed notification of Quay may be called.
var quayEvents = []string{
	"repo_push", "vulnerability_found", "repo_image_expiry", "build_queued", "build_start", "build_success", "build_failure",
	"build_cancelled", "repo_mirror_sync_started", "repo_mirror_sync_success", "repo_mirror_sync_failed", "quota_warning", "quota_error",
}

// noneInvented checks each text of e, once it was stored and read: it is from a list, a
// time, or said by the request.
func noneInvented(t *testing.T, registryType string, e event.Event, in said) {
	t.Helper()
	var stored any
	if err := json.Unmarshal([]byte(dump(t, e)), &stored); err != nil {
		t.Fatal(err)
	}
	eachText(stored, "", func(path, text string) {
		ok := in.whole[text] || slices.Contains(closed, path)
		switch path {
		case "id", "reason": // our own words; see identified and wellFormed
			ok = true
		case "registry.name":
			ok = text == "hub"
		case "registry.type":
			ok = text == registryType
		case "repository.visibility":
			ok = text == "public" || text == "private"
		case "time", "received", "scan.started", "scan.ended", "build.commit.time":
			at, err := time.Parse(time.RFC3339Nano, text)
			ok = err == nil && at.Location() == time.UTC
		case "repository.full_name":
			// ACR says the two apart, and Harbor of a retention.
			ok = ok || in.anywhere(e.Repository.Namespace) && in.anywhere(e.Repository.Name)
		case "artifact.subject":
			ok = ok || len(e.Artifact.Tags) == 1 && in.whole[e.Artifact.Tags[0]] // wellFormed looks at the two
		case "replication.trigger":
			ok = ok || slices.Contains([]string{"manual", "schedule", "event"}, text) && in.whole[strings.ToUpper(text)]
		case "native.type":
			ok = ok || registryType == "quay" && slices.Contains(quayEvents, text)
		default:
			ok = ok || slices.Contains(parts, path) && in.anywhere(text)
		}
		if !ok {
			t.Fatalf("%s %q is not in %q", path, text, slices.Sorted(maps.Keys(in.whole)))
		}
	})
}

// eachText calls see for each string in v that is not empty, with its path: entries of a
// list have that of the list.
func eachText(v any, path string, see func(path, text string)) {
	switch v := v.(type) {
	case string:
		if v != "" {
			see(path, v)
		}
	case []any:
		for _, in := range v {
			eachText(in, path, see)
		}
	case map[string]any:
		for key, in := range v {
			eachText(in, strings.TrimPrefix(path+"."+key, "."), see)
		}
	}
}
