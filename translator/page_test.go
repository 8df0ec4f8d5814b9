package translator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/schema"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// page is what people read about events. Its examples and its tables of fields are
// written by these tests, with -update; all else is written by hand.
const page = "../docs/events.md"

// shown says of which golden file an event is the example of its type.
func shown() map[event.Type]string {
	return map[event.Type]string{
		event.ArtifactPushed:    "distribution/crane-push-image",
		event.ArtifactPulled:    "distribution/crane-pull-by-tag",
		event.ArtifactInspected: "distribution/crane-digest-head",
		event.ArtifactDeleted:   "harbor/delete-one-of-its-tags",
		event.ArtifactSigned:    "distribution/cosign-tag-sig",
		event.ArtifactAttached:  "distribution/cosign-attest-tag",
		event.ArtifactExpiring:  "quay/repo_image_expiry",

		event.TagDeleted: "distribution/crane-delete-tag",

		event.ChartPushed:  "distribution/helm-push-chart",
		event.ChartPulled:  "distribution/helm-pull-chart",
		event.ChartDeleted: "tcr/harbor-chart-delete",

		event.BlobPushed:  "distribution/crane-push-image",
		event.BlobPulled:  "distribution/curl-blob-head",
		event.BlobMounted: "distribution/buildx-style-attestation-index",

		event.BuildQueued:    "quay/build_queued",
		event.BuildStarted:   "quay/build_start",
		event.BuildSucceeded: "quay/build_success",
		event.BuildFailed:    "quay/build_failure",
		event.BuildCanceled:  "quay/build_cancelled",

		event.ScanCompleted:      "harbor/scan-vulnerability",
		event.VulnerabilityFound: "quay/vulnerability_found",

		event.ReplicationStarted:   "harbor/replication-failed-and-tried-again",
		event.ReplicationSucceeded: "quay/repo_mirror_sync_success",
		event.ReplicationFailed:    "harbor/replication-failed-and-tried-again",
		event.ReplicationCanceled:  "acr/synchronization",

		event.DeliveryChainCompleted: "acr/delivery-chain",
		event.QuotaWarning:           "quay/quota_warning",
		event.QuotaExceeded:          "harbor/quota-exceeded",
		event.RetentionCompleted:     "harbor/retention",

		event.Unknown: "cloudevents/zot-new-repository",
	}
}

// example returns an event of the type: one that has an id of the registry, if there is
// one in the golden file.
func example(t *testing.T, typ event.Type, golden map[string][]event.Event) event.Event {
	t.Helper()
	name, ok := shown()[typ]
	if !ok {
		return unsent(t, typ)
	}
	events := slices.DeleteFunc(slices.Clone(golden[filepath.Join("testdata", name+".golden")]), func(e event.Event) bool { return e.Type != typ })
	if len(events) == 0 {
		t.Fatalf("%s has no event of type %s", name, typ)
	}
	return events[max(0, slices.IndexFunc(events, func(e event.Event) bool { return e.ID != "" }))]
}

// unsent makes an example of what no registry was seen to send.
func unsent(t *testing.T, typ event.Type) event.Event {
	t.Helper()
	const body = `{"events":[{"id":"01a1fb45-8fe1-7451-b8e0-c2cd0bd154cb","timestamp":"2026-11-21T09:29:58Z","action":"delete",
		"target":{"repository":"team/app"%s},"request":{"id":"01a1fb45-8fd4-7b61-a345-54b04d9d2660","host":"registry.example.com","method":"DELETE"}}]}`
	switch typ {
	case event.RepositoryDeleted:
		return one(t, fmt.Sprintf(body, ""))
	case event.BlobDeleted:
		return one(t, fmt.Sprintf(body, `,"mediaType":"application/octet-stream","digest":"sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"`))
	}
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	e := event.Event{
		V: event.Version, ID: anID, Type: typ, Time: at, TimeSource: event.TimeNative, Received: at,
		Registry: event.Registry{Name: "hub", Type: "distribution"}, Origin: event.OriginDerived,
	}
	if !strings.HasPrefix(string(typ), "bellbuoy.") {
		t.Fatalf("there is no example of %s", typ)
	}
	switch typ {
	case event.Test:
		e.Origin = event.OriginTest
	case event.Digest:
		e.Registry = event.Registry{Name: "bellbuoy", Type: "bellbuoy"}
		e.Digest = []string{"9f6a3c52-6a0e-5d0b-8c7e-3f1f5f0b7a11", "0d3c1c1e-7d57-5a53-8f0e-6a2f6a0d9b11", "5b7ce0d2-3a34-5c2e-9a68-1f2f8c1d4e22"}
		e.Digested = &event.Digested{Count: 3, Groups: []event.DigestGroup{
			{Registry: "hub", Repository: "prod/api", Type: event.ArtifactPushed, Count: 2},
			{Registry: "hub", Repository: "prod/web", Type: event.BuildFailed, Status: event.Failed, Count: 1},
		}}
	case event.TargetFailing, event.TargetDisabled, event.TargetRecovered, event.Expired:
		e.Registry = event.Registry{Name: "bellbuoy", Type: "bellbuoy"}
		e.Target = aTarget(typ, at)
	}
	return e
}

// aTarget is what an own event says of a target.
func aTarget(typ event.Type, at time.Time) *event.Target {
	since := at.Add(-time.Hour)
	switch typ {
	case event.TargetFailing:
		return &event.Target{Name: "ci", Type: "webhook", Condition: "failing", Since: &at, Reason: "status 503: over capacity"}
	case event.TargetDisabled:
		return &event.Target{Name: "ci", Type: "webhook", Condition: "disabled", Since: &at, Reason: "the target says that it is gone", Failures: 1}
	case event.Expired:
		return &event.Target{Name: "ci", Type: "webhook", Condition: "disabled", Since: &since, Reason: "disabled by alice", Deliveries: 37}
	}
	return &event.Target{Name: "ci", Type: "webhook", Condition: "healthy"}
}

// Each type has its section, in the order of the list, with an event as it really is.
func TestPageShowsEachType(t *testing.T) {
	golden, v := goldenEvents(t), published(t)
	text := read(t, page)
	var headings []string
	_, sections, _ := strings.Cut(text, "\n## Types\n")
	sections, _, _ = strings.Cut(sections, "\n## ")
	for _, m := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(sections, -1) {
		headings = append(headings, m[1])
	}
	var want []string
	for _, typ := range event.Types() {
		want = append(want, string(typ))
	}
	if !slices.Equal(headings, want) {
		t.Fatalf("%s has the types %q, want %q", page, headings, want)
	}
	for _, typ := range event.Types() {
		e := example(t, typ, golden)
		if e.ID == "" {
			e.ID = anID
		}
		valid(t, v, page, e)
		b, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text = replace(t, text, string(typ), codeBlock, "```json\n"+string(b)+"\n```\n")
	}
	compare(t, text)
}

var (
	codeBlock = regexp.MustCompile("(?s)```json\n.*?```\n")
	table     = regexp.MustCompile(`(?m)(?:^\|.*\n)+`)
)

// replace puts with in the place of the first block below the heading.
func replace(t *testing.T, text, heading string, block *regexp.Regexp, with string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, "\n### "+heading+"\n")
	section, after, more := strings.Cut(rest, "\n#")
	at := block.FindStringIndex(section)
	if !ok || at == nil {
		t.Fatalf("%s: nothing to replace below %q", page, heading)
	}
	text = before + "\n### " + heading + "\n" + section[:at[0]] + with + section[at[1]:]
	if more {
		text += "\n#" + after
	}
	return text
}

// compare holds the page to be text.
func compare(t *testing.T, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, page); got != text {
		t.Errorf("%s differs (write it anew with -update, and look at the difference)\n%s", page, text)
	}
}

// Each field has its row, below the object that it is in.
func TestPageShowsEachField(t *testing.T) {
	src, err := schema.ReadSource("github.com/bellbuoy/bellbuoy/plugin/event", "../plugin/event", "json")
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, page)
	all := reflect.TypeFor[event.Event]()
	text = replace(t, text, "Every event", table, head+strings.Join(rows(src, all, "", false), ""))
	for f := range all.Fields() {
		in := element(f.Type)
		if in.Kind() == reflect.Struct && in != reflect.TypeFor[time.Time]() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			text = replace(t, text, key, table, head+strings.Join(rows(src, in, key, true), ""))
		}
	}
	compare(t, text)
}

const head = "| field | JSON | meaning |\n|---|---|---|\n"

// rows are the fields of a type, and with deep those of the objects in it.
func rows(src *schema.Source, t reflect.Type, path string, deep bool) []string {
	var list []string
	for f := range t.Fields() {
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if path != "" {
			key = path + "." + key
		}
		in := element(f.Type)
		meaning := src.Comment(t.Name(), f.Name)
		if !deep && in.Kind() == reflect.Struct && in != reflect.TypeFor[time.Time]() {
			meaning = "see [" + key + "](#" + key + ")"
		}
		if values := src.Constants(in.Name()); f.Name != "Type" && values != nil {
			meaning = strings.TrimPrefix(meaning+"; `"+strings.Join(values, "`, `")+"`", "; ")
		}
		always := ""
		if options == "" {
			always = ", always"
		}
		list = append(list, fmt.Sprintf("| `%s` | %s%s | %s |\n", key, written(f.Type), always, strings.ReplaceAll(meaning, "|", `\|`)))
		if deep && in.Kind() == reflect.Struct && in != reflect.TypeFor[time.Time]() {
			list = append(list, rows(src, in, key, deep)...)
		}
	}
	return list
}

// element is the type of a value, or of each value in a list.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// written names a type as JSON has it.
func written(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return written(t.Elem())
	case reflect.Slice:
		return "list of " + written(t.Elem())
	case reflect.Map:
		return "object of " + written(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "time"
		}
		return "object"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	}
	return "number"
}

// Every value that a status can have is explained.
func TestPageExplainsEachStatus(t *testing.T) {
	text := read(t, page)
	for _, s := range event.Statuses() {
		if !strings.Contains(text, "\n| `"+string(s)+"` |") {
			t.Errorf("%s does not say what %s means", page, s)
		}
	}
}
