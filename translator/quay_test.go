package translator_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// The requests in testdata/quay are what Quay's own classes make of each event: of real
// call sites, of its test button (.sample), and as its manual has them (.documented).

const quayHex = "68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"

// quayType is the registry type under test.
func quayType(t testing.TB) registry {
	t.Helper()
	all := registries()
	i := slices.IndexFunc(all, func(g registry) bool { return g.name == "quay" })
	if i < 0 {
		t.Fatal("no type quay")
	}
	return all[i]
}

// posted translates a body that Quay posted to /in/hub/NAME, or to /in/hub without one.
func posted(t testing.TB, name, body string) []event.Event {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	r.SetPathValue("event", name)
	return quayType(t).request(t, r, body)
}

// onePosted is posted for what becomes one event.
func onePosted(t testing.TB, name, body string) event.Event {
	t.Helper()
	events := posted(t, name, body)
	if len(events) != 1 {
		t.Fatalf("%s became %d events, want 1", body, len(events))
	}
	return events[0]
}

// capturedQuay returns the body in a file of testdata/quay.
func capturedQuay(t testing.TB, name string) string {
	t.Helper()
	_, body := parseRequest(t, read(t, "testdata/quay/"+name+".http"))
	return body
}

// Each body, with its event named in each of the three ways, and then in none.
func TestQuayEventIsNotInTheBody(t *testing.T) {
	files, err := filepath.Glob("testdata/quay/*.http")
	if err != nil || len(files) < 2*13 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	inferred := map[string]event.Type{
		"repo_push": event.ArtifactPushed, "vulnerability_found": event.VulnerabilityFound, "repo_image_expiry": event.ArtifactExpiring,
		// They have keys that no other build has.
		"build_queued": event.BuildQueued, "build_failure": event.BuildFailed, "build_success": event.BuildSucceeded,
	}
	// Quay's test of a build that succeeded has no such key.
	cannot := []string{"build_success.sample"}
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".http")
		name, _, _ := strings.Cut(base, ".")
		t.Run(base, func(t *testing.T) {
			body := capturedQuay(t, base)
			want := posted(t, name, body)

			r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
			r.Header.Set("X-Bellbuoy-Event", name)
			byHeader := quayType(t).request(t, r, body)
			byBody := posted(t, "", `{"event":"`+name+`",`+strings.TrimPrefix(body, "{"))
			for _, got := range [][]event.Event{byHeader, byBody} {
				if dump(t, got) != dump(t, want) {
					t.Errorf("events\n got %s\nwant %s", dump(t, got), dump(t, want))
				}
			}

			unnamed := posted(t, "", body)
			if typ := inferred[name]; typ != "" && !slices.Contains(cannot, base) {
				if dump(t, unnamed) != dump(t, want) || unnamed[0].Type != typ {
					t.Errorf("without a name\n got %s\nwant %s", dump(t, unnamed), dump(t, want))
				}
				return
			}
			if len(unnamed) != 1 || unnamed[0].Type != event.Unknown || unnamed[0].Native.Type != "" {
				t.Fatalf("without a name: %s, want unknown", dump(t, unnamed))
			}
			for _, way := range []string{name, "/in/hub/EVENT", "X-Bellbuoy-Event", `"event"`, "POST template"} {
				if !strings.Contains(unnamed[0].Reason, way) {
					t.Errorf("reason %q does not name %s", unnamed[0].Reason, way)
				}
			}
		})
	}
}

func TestQuayUnknown(t *testing.T) {
	const (
		repo = `"repository":"a/b"`
		ways = `: let Quay post to /in/hub/EVENT, or send the header X-Bellbuoy-Event, or put a constant "event" into its POST template`
		none = "the event is not named, and has no key that is one of Quay's events' only" + ways
		of   = "the event is not named, and its keys do not tell which it is of "
	)
	tests := []struct{ name, event, body, reason string }{
		{"an event that Quay does not have", "build_started", `{` + repo + `}`, `event "build_started", named by the path, is none of Quay's; name it as Quay does, such as build_start`},
		{"an event that the body names", "", `{` + repo + `,"event":"PUSH","updated_tags":["v1"]}`, `event "PUSH", named by the key "event", is none of Quay's; name it as Quay does, such as build_start`},
		{"nothing", "", `{}`, none},
		{"nothing but a repository", "", `{` + repo + `}`, none},
		{"a build that says no more", "", `{` + repo + `,"build_id":"1","image_id":"x"}`, of + "build_queued, build_start, build_success, build_failure, build_cancelled" + ways},
		{"a build that says too much", "", `{` + repo + `,"build_id":"1","error_message":"x","manifest_digests":[]}`, of + "build_failure, build_success" + ways},
		{"keys of two events", "", `{` + repo + `,"updated_tags":["v1"],"vulnerability":{"id":"1"}}`, of + "repo_push, vulnerability_found" + ways},
		{"a mirror", "", `{` + repo + `,"message":"'x' job lost"}`, of + "repo_mirror_sync_started, repo_mirror_sync_success, repo_mirror_sync_failed" + ways},
		{"a quota over its limit", "", `{"namespace":"a","usage_percent":105}`, of + "quota_warning, quota_error" + ways},

		{"push without tags", "repo_push", `{` + repo + `}`, "repo_push without updated_tags"},
		{"push of no tags", "", `{` + repo + `,"updated_tags":[]}`, "repo_push without updated_tags"},
		{"push of an empty tag", "", `{` + repo + `,"updated_tags":[""]}`, "repo_push without updated_tags"},
		{"push without repository", "", `{"updated_tags":["v1"]}`, "repo_push without repository"},
		{"push with namespace only", "", `{"namespace":"a","updated_tags":["v1"]}`, "repo_push without repository"},
		{"build without id", "build_start", `{` + repo + `}`, "build_start without build_id"},
		{"build without repository", "build_start", `{"build_id":"1"}`, "build_start without repository"},
		{"mirror without repository", "repo_mirror_sync_failed", `{"message":"x"}`, "repo_mirror_sync_failed without repository"},
		{"no vulnerability", "vulnerability_found", `{` + repo + `,"tags":["v1"]}`, "vulnerability_found without vulnerability"},
		{"no vulnerability in the list", "vulnerability_found", `{` + repo + `,"vulnerabilities":[]}`, "vulnerability_found without vulnerability"},
		{"vulnerability without id", "", `{` + repo + `,"vulnerability":{"priority":"High"}}`, "vulnerability_found without vulnerability.id"},
		{"vulnerability of the list without id", "", `{` + repo + `,"vulnerabilities":[{}]}`, "vulnerability_found without vulnerabilities[0].id"},
		{"expiry without days", "repo_image_expiry", `{` + repo + `,"tags":["v1"]}`, "repo_image_expiry without expiring_in"},
		{"expiry without tags", "", `{` + repo + `,"expiring_in":"7 days"}`, "repo_image_expiry without tags"},
		{"expiry soon", "", `{` + repo + `,"tags":["v1"],"expiring_in":"soon"}`, `expiring_in "soon" is not "N days"`},
		{"expiry not a number", "", `{` + repo + `,"tags":["v1"],"expiring_in":"NaN days"}`, `expiring_in "NaN days" is not "N days"`},
		{"quota without namespace", "quota_error", `{"usage_percent":105}`, "quota_error without namespace"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := onePosted(t, tt.event, tt.body)
			if e.Type != event.Unknown || e.Reason != tt.reason || e.Status != "" {
				t.Errorf("type %s, reason\n got %s\nwant %s", e.Type, e.Reason, tt.reason)
			}
			if e.TimeSource != event.TimeReceived || !e.Time.Equal(hub.Received) {
				t.Errorf("time %s (%s), want that of receipt", e.Time, e.TimeSource)
			}
		})
	}
}

// An event that nobody named is still worth looking at.
func TestQuayUnknownKeepsWhatIsSaid(t *testing.T) {
	if e := onePosted(t, "", capturedQuay(t, "build_start")); e.Build == nil || e.Build.Commit.Ref != "refs/heads/master" || e.Repository.FullName != "devtable/simple" {
		t.Errorf("build: %s", dump(t, e))
	}
	if e := onePosted(t, "", capturedQuay(t, "quota_error")); e.Quota == nil || *e.Quota.Percent != 105 || e.Repository.Namespace != "devtable" {
		t.Errorf("quota: %s", dump(t, e))
	}
	if e := onePosted(t, "", capturedQuay(t, "repo_mirror_sync_failed")); e.Replication == nil || !strings.HasSuffix(e.Replication.Message, ": PARTIAL SYNC") {
		t.Errorf("mirror: %s", dump(t, e))
	}
}

func TestQuayPushIsOneEventForEachTag(t *testing.T) {
	got := posted(t, "repo_push", `{"repository":"a/b","updated_tags":["v1","latest","","v1"]}`)
	var tags []string
	for _, e := range got {
		if e.Type != event.ArtifactPushed || e.ID != "" || e.Native.ID != "" || len(e.Artifact.Tags) != 1 {
			t.Fatalf("event = %s", dump(t, e))
		}
		tags = append(tags, e.Artifact.Tags...)
	}
	if !slices.Equal(tags, []string{"v1", "latest", "v1"}) {
		t.Errorf("tags %q", tags)
	}
}

func TestQuayPushKind(t *testing.T) {
	tests := []struct {
		tag     string
		want    event.Type
		status  event.Status
		kind    event.Kind
		subject string
		digest  string
	}{
		{"v1", event.ArtifactPushed, "", event.KindUnknown, "", ""},
		{"sha256-" + quayHex + ".sig", event.ArtifactSigned, event.Succeeded, event.KindSignature, "sha256:" + quayHex, ""},
		{"sha256-" + quayHex + ".att", event.ArtifactAttached, "", event.KindAttestation, "sha256:" + quayHex, ""},
		{"sha256-" + quayHex + ".sbom", event.ArtifactAttached, "", event.KindSBOM, "sha256:" + quayHex, ""},
		{"sha256-" + quayHex, event.ArtifactAttached, "", event.KindIndex, "sha256:" + quayHex, ""},
		{"sha256-abc.sig", event.ArtifactPushed, "", event.KindUnknown, "", ""},
		{"sha256-" + quayHex + ".txt", event.ArtifactPushed, "", event.KindUnknown, "", ""},
		{"sha256:" + quayHex, event.ArtifactPushed, "", event.KindUnknown, "", "sha256:" + quayHex},
		{"<script>@all", event.ArtifactPushed, "", event.KindUnknown, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.tag, func(t *testing.T) {
			e := onePosted(t, "", `{"repository":"a/b","updated_tags":["`+tt.tag+`"]}`)
			if e.Type != tt.want || e.Status != tt.status || e.Artifact.Kind != tt.kind || e.Artifact.Subject != tt.subject || e.Artifact.Digest != tt.digest {
				t.Errorf("event = %s", dump(t, e))
			}
			if tt.digest == "" && !slices.Equal(e.Artifact.Tags, []string{tt.tag}) || tt.digest != "" && e.Artifact.Tags != nil {
				t.Errorf("tags %q of %q", e.Artifact.Tags, tt.tag)
			}
		})
	}
}

func TestQuayDockerURLHasNoScheme(t *testing.T) {
	for url, want := range map[string]string{
		"quay.io/a/b":             "quay.io",
		"quay.example.com:8443/a": "quay.example.com:8443",
		"https://quay.io/a/b":     "quay.io",
		"quay.io":                 "",
		"":                        "",
	} {
		if e := onePosted(t, "repo_push", `{"repository":"a/b","docker_url":"`+url+`","updated_tags":["x"]}`); e.Registry.Host != want {
			t.Errorf("host of docker_url %q = %q, want %q", url, e.Registry.Host, want)
		}
	}
}

func TestQuayNestedRepositoryKeepsItsSlashes(t *testing.T) {
	e := onePosted(t, "", `{"repository":"org/team/app","namespace":"org","name":"team/app","homepage":"https://q/repository/org/team/app","updated_tags":["x"]}`)
	want := event.Repository{Namespace: "org", Name: "team/app", FullName: "org/team/app", URL: "https://q/repository/org/team/app"}
	if *e.Repository != want {
		t.Errorf("repository = %+v, want %+v", *e.Repository, want)
	}
}

// Only homepages of builds end in the build, and only of this one.
func TestQuayHomepageOfBuildIsBelowTheRepositorys(t *testing.T) {
	const home = "https://q/repository/a/build/7"
	for id, url := range map[string]string{"7": "https://q/repository/a", "8": ""} {
		e := onePosted(t, "build_start", `{"repository":"a/build","homepage":"`+home+`","build_id":"`+id+`"}`)
		if e.Repository.URL != url || e.Build.URL != home {
			t.Errorf("build %s: URL of repository %q, of build %q", id, e.Repository.URL, e.Build.URL)
		}
	}
	if e := onePosted(t, "repo_push", `{"repository":"a/build","homepage":"`+home+`","updated_tags":["x"]}`); e.Repository.URL != home {
		t.Errorf("URL of a pushed repository = %q", e.Repository.URL)
	}
}

// A struct made after the test button's bodies would lack these, or demand others.
func TestQuayTestButtonSendsOtherKeysThanQuay(t *testing.T) {
	if b := onePosted(t, "build_success", capturedQuay(t, "build_success")).Build; b.ImageID != "" || len(b.ManifestDigests) != 1 {
		t.Errorf("real build = %+v, want manifest digests and no image", b)
	}
	if b := onePosted(t, "build_success", capturedQuay(t, "build_success.sample")).Build; b.ImageID != "1245657346" || b.ManifestDigests != nil {
		t.Errorf("tried build = %+v, want an image and no manifest digests", b)
	}
	if b := onePosted(t, "build_queued", capturedQuay(t, "build_queued")).Build; b.Name != "" || b.Trigger.Kind != "github" {
		t.Errorf("real queued build = %+v, want no name", b)
	}
	if v := onePosted(t, "vulnerability_found", capturedQuay(t, "vulnerability_found.sample")).Vulnerability; v.HasFix != nil {
		t.Errorf("tried vulnerability has_fix = %v, want none", *v.HasFix)
	}
	if e := onePosted(t, "repo_image_expiry", capturedQuay(t, "repo_image_expiry.sample")); e.Expiry.NotificationID != "" || *e.Expiry.Days != 7 {
		t.Errorf("tried expiry = %+v", e.Expiry)
	}
}

func TestQuaySaysNeitherWhenNorWho(t *testing.T) {
	files, err := filepath.Glob("testdata/quay/*.http")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, e := range quayType(t).file(t, file) {
			if e.Actor != nil || e.ID != "" || e.Native.ID != "" || e.TimeSource != event.TimeReceived || !e.Time.Equal(e.Received) {
				t.Errorf("%s: %s", file, dump(t, e))
			}
		}
	}
}

func TestQuayManualBuild(t *testing.T) {
	for body, want := range map[string]event.Trigger{
		`"is_manual":true,"manual_user":"ann"`:                              {Manual: true, User: "ann"},
		`"is_manual":false,"trigger_manual":true,"trigger_kind":"github"`:   {Manual: true, Kind: "github"},
		`"is_manual":false,"manual_user":null,"trigger_id":"1"`:             {ID: "1"},
		`"is_manual":false,"trigger_kind":"custom-git","manual_user":"bob"`: {Kind: "custom-git", User: "bob"},
	} {
		e := onePosted(t, "", `{"repository":"a/b","build_id":"1",`+body+`}`)
		if e.Type != event.BuildQueued || e.Build.Trigger == nil || *e.Build.Trigger != want {
			t.Errorf("%s: %s", body, dump(t, e))
		}
	}
	// Quay sends both as null or empty where there is no trigger.
	if e := onePosted(t, "build_start", `{"repository":"a/b","build_id":"1","trigger_id":null,"trigger_kind":null,"trigger_metadata":{}}`); e.Build.Trigger != nil || e.Build.Commit != nil {
		t.Errorf("build without trigger = %s", dump(t, e))
	}
}

func TestQuayManifestDigestsOfOldVersionsHaveTheRepository(t *testing.T) {
	const d = "sha256:" + quayHex
	for given, want := range map[string]string{
		d:                  d,
		"quay.io/a/b@" + d: d,
		"quay.io/a/b@v1":   "quay.io/a/b@v1",
		"quay.io/a/b:v1":   "quay.io/a/b:v1",
	} {
		e := onePosted(t, "build_success", `{"repository":"a/b","build_id":"1","docker_tags":["v1"],"manifest_digests":["`+given+`"]}`)
		if !slices.Equal(e.Build.ManifestDigests, []string{want}) {
			t.Errorf("digests of %q = %q", given, e.Build.ManifestDigests)
		}
		if want == d && e.Artifact.Digest != d || want != d && e.Artifact.Digest != "" {
			t.Errorf("artifact of %q = %+v", given, e.Artifact)
		}
	}
	// Of two manifests neither is the one that the tags are of.
	if e := onePosted(t, "build_success", capturedQuay(t, "build_success.documented")); e.Artifact.Digest != "" || len(e.Build.ManifestDigests) != 2 {
		t.Errorf("build of two = %s", dump(t, e))
	}
}

func TestQuayDateOfCommit(t *testing.T) {
	for date, want := range map[string]string{
		`"2019-03-06T12:48:24+11:00"`:     "2019-03-06T01:48:24Z",
		`"2019-03-06T01:48:24Z"`:          "2019-03-06T01:48:24Z",
		`"2019-03-06 01:48:24+00:00"`:     "2019-03-06T01:48:24Z",
		`"2019-03-06T12:48:24.5+1100"`:    "2019-03-06T01:48:24.5Z",
		`"Wed, 06 Mar 2019 01:48:24 GMT"`: "2019-03-06T01:48:24Z",
		`1795217224.0`:                    "2026-11-20T23:27:04Z",
		`"2019-03-06T01:48:24"`:           "", // no zone
		`"yesterday"`:                     "",
		`"9999-12-31T23:59:59-23:59"`:     "",
		`1e300`:                           "",
		`-1e300`:                          "",
		`null`:                            "",
		`{"$date":7}`:                     "",
		`[]`:                              "",
	} {
		e := onePosted(t, "build_start", `{"repository":"a/b","build_id":"1","trigger_metadata":{"commit":"x","commit_info":{"date":`+date+`}}}`)
		got := ""
		if at := e.Build.Commit.Time; at != nil {
			got = at.Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("date %s = %q, want %q", date, got, want)
		}
	}
}

func TestQuaySeveritiesAreItsOwnOrTheScanners(t *testing.T) {
	for priority, want := range map[string]struct {
		severity event.Severity
		native   string
	}{
		"Critical":   {event.SeverityCritical, ""},
		"High":       {event.SeverityHigh, ""},
		"Medium":     {event.SeverityMedium, ""},
		"Low":        {event.SeverityLow, ""},
		"Negligible": {event.SeverityNegligible, ""},
		"Unknown":    {event.SeverityUnknown, ""},
		"HIGH":       {event.SeverityHigh, ""},
		"Important":  {event.SeverityHigh, "Important"},
		"MODERATE":   {event.SeverityMedium, "MODERATE"},
		"Defcon1":    {event.SeverityCritical, "Defcon1"},
		"None":       {event.SeverityUnknown, "None"},
		"Cosmic":     {event.SeverityUnknown, "Cosmic"},
		"":           {event.SeverityUnknown, ""},
	} {
		e := onePosted(t, "", `{"repository":"a/b","tags":["v1"],"vulnerability":{"id":"CVE-1","priority":"`+priority+`"}}`)
		if v := e.Vulnerability; v.Severity != want.severity || v.NativeSeverity != want.native {
			t.Errorf("%q is %s (%q), want %s (%q)", priority, v.Severity, v.NativeSeverity, want.severity, want.native)
		}
	}
}

func TestQuayLinksOfNewIndexAreSeveral(t *testing.T) {
	for link, want := range map[string][]string{
		"https://a https://b":     {"https://a", "https://b"},
		" https://a \n https://b": {"https://a", "https://b"},
		"https://a":               {"https://a"},
		" ":                       {},
		"":                        {},
	} {
		e := onePosted(t, "", `{"repository":"a/b","vulnerability":{"id":"1","link":"`+strings.ReplaceAll(link, "\n", `\n`)+`"}}`)
		if !slices.Equal(e.Vulnerability.Links, want) {
			t.Errorf("links of %q = %q, want %q", link, e.Vulnerability.Links, want)
		}
	}
}

func TestQuayNewIndexIsTheStringTrue(t *testing.T) {
	for value, want := range map[string]bool{`"true"`: true, `true`: true, `"false"`: false, `false`: false, `null`: false, `{}`: false} {
		e := onePosted(t, "", `{"repository":"a/b","vulnerable_index_report_created":`+value+`,"vulnerability":{"id":"1"}}`)
		if e.Vulnerability.FirstScan != want {
			t.Errorf("first scan with %s = %t", value, !want)
		}
	}
}

func TestQuayTagsOfVulnerabilityMayBeDigests(t *testing.T) {
	e := onePosted(t, "", capturedQuay(t, "vulnerability_found.new-index-untagged"))
	if e.Artifact.Tags != nil || e.Artifact.Digest != "sha256:"+strings.Repeat("b", 64) {
		t.Errorf("artifact = %+v, want a digest and no tag", e.Artifact)
	}
	// That the digest is the tags' is not said.
	got := posted(t, "", `{"repository":"a/b","tags":["v1","sha256:`+quayHex+`","v2"],"vulnerability":{"id":"1"}}`)
	if len(got) != 2 || !slices.Equal(got[0].Artifact.Tags, []string{"v1", "v2"}) || got[0].Artifact.Digest != "" ||
		got[1].Artifact.Tags != nil || got[1].Artifact.Digest != "sha256:"+quayHex {
		t.Errorf("tags and a digest: %s", dump(t, got))
	}
	if e := onePosted(t, "", `{"repository":"a/b","vulnerability":{"id":"1"}}`); e.Artifact != nil {
		t.Errorf("artifact of a vulnerability without tags = %+v, want none", e.Artifact)
	}
}

func TestQuaySeveralVulnerabilities(t *testing.T) {
	got := posted(t, "", `{"repository":"a/b","tags":["v1"],"vulnerabilities":[{"id":"1","priority":"High"},{"priority":"Low"},{"id":"3","has_fix":false}]}`)
	if want := []event.Type{event.VulnerabilityFound, event.Unknown, event.VulnerabilityFound}; !slices.Equal(types(got), want) {
		t.Fatalf("%v, want %v", types(got), want)
	}
	if got[0].Vulnerability.ID != "1" || got[1].Reason != "vulnerability_found without vulnerabilities[1].id" || got[1].Vulnerability != nil ||
		got[2].Vulnerability.ID != "3" || *got[2].Vulnerability.HasFix {
		t.Errorf("events = %s", dump(t, got))
	}
}

func TestQuayMirrorMessageIsKept(t *testing.T) {
	for _, message := range []string{
		"'docker.io/library/alpine' with tag pattern '3.*,latest': PARTIAL SYNC", "'x' with tag pattern 'y': INTERNAL ERROR",
		"'x' job lost", "Source registry location is not allowed", "",
	} {
		e := onePosted(t, "repo_mirror_sync_failed", `{"repository":"a/b","message":"`+message+`"}`)
		if e.Type != event.ReplicationFailed || e.Status != event.Failed || e.Replication.Message != message {
			t.Errorf("%q: %s", message, dump(t, e))
		}
	}
}

func TestQuayExpiry(t *testing.T) {
	for in, want := range map[string]float64{"7 days": 7, "1 days": 1, "1 day": 1, "0.5 days": 0.5, "0 days": 0} {
		e := onePosted(t, "", `{"repository":"a/b","tags":["v1"],"expiring_in":"`+in+`"}`)
		if e.Type != event.ArtifactExpiring || e.Expiry.Days == nil || *e.Expiry.Days != want {
			t.Errorf("%q: %s", in, dump(t, e))
		}
	}
}

// A quota is a namespace's: rules can ask for that, and no repository is named.
func TestQuayQuotaIsOfANamespace(t *testing.T) {
	for name, want := range map[string]event.Type{"quota_warning": event.QuotaWarning, "quota_error": event.QuotaExceeded} {
		e := onePosted(t, name, capturedQuay(t, name))
		if e.Type != want || e.Status != "" || e.Registry.Host != "" || e.Artifact != nil {
			t.Errorf("%s: %s", name, dump(t, e))
		}
		if r := (event.Repository{Namespace: "devtable", URL: "https://quay.example.com/organization/devtable"}); *e.Repository != r {
			t.Errorf("%s: repository = %+v, want %+v", name, *e.Repository, r)
		}
	}
	if e := onePosted(t, "quota_warning", `{"namespace":"a"}`); e.Type != event.QuotaWarning || *e.Quota != (event.Quota{}) {
		t.Errorf("quota without numbers = %s, want a warning without any", dump(t, e))
	}
}

func TestQuayForeignNativeIsUnknown(t *testing.T) {
	got := translator.Quay(hub, adapters.Notification{Native: 7})
	if len(got) != 1 || got[0].Type != event.Unknown || got[0].Reason != "the adapter read a int, which is no notification of Quay" {
		t.Errorf("events = %s, want one that says what it was given", dump(t, got))
	}
}
