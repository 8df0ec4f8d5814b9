package translator_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// The requests in testdata/tcr are the body in TCR's manual, and bodies as the code of
// Harbor 1.9 and 1.10 makes them, which TCR's is the same as.

// bodies translates bodies that are posted to a registry of this type.
func bodies(t testing.TB, name string, list ...string) []event.Event {
	t.Helper()
	var events []event.Event
	for _, body := range list {
		events = append(events, typeNamed(name).request(t, httptest.NewRequest(http.MethodPost, "/in/hub", nil), body)...)
	}
	return events
}

// filed translates the bodies in a file of testdata.
func filed(t testing.TB, name, file string) []event.Event {
	t.Helper()
	return typeNamed(name).file(t, filepath.Join("testdata", name, file))
}

// tcrBody is a body of this type about one resource.
func tcrBody(typ, resource string) string {
	return `{"type":"` + typ + `","occur_at":1,"event_data":{"resources":[` + resource + `],"repository":{"repo_full_name":"public/nginx","repo_type":"public"}}}`
}

func TestTCRType(t *testing.T) {
	const resource = `{"digest":"sha256:1","tag":"v1"}`
	tests := []struct {
		native string
		want   event.Type
		status event.Status
		kind   event.Kind
	}{
		{"pushImage", event.ArtifactPushed, "", event.KindUnknown},
		{"pullImage", event.ArtifactPulled, "", event.KindUnknown},
		{"deleteImage", event.ArtifactDeleted, "", event.KindUnknown},
		{"uploadChart", event.ChartPushed, "", event.KindChart},
		{"downloadChart", event.ChartPulled, "", event.KindChart},
		{"deleteChart", event.ChartDeleted, "", event.KindChart},
		{"scanningCompleted", event.ScanCompleted, event.Succeeded, ""},
		{"scanningFailed", event.ScanCompleted, event.Failed, ""},
		{"testEndpoint", event.Unknown, "", ""},
		{"PushImage", event.Unknown, "", ""},
	}
	for _, tt := range tests {
		got := bodies(t, "tcr", tcrBody(tt.native, resource))
		if len(got) != 1 {
			t.Fatalf("%s became %d events", tt.native, len(got))
		}
		if e := got[0]; e.Type != tt.want || e.Status != tt.status || e.Artifact.Kind != tt.kind || e.Native.Type != tt.native || e.ID != "" {
			t.Errorf("%s = %s %s of kind %q, want %s %s of kind %q", tt.native, e.Type, e.Status, e.Artifact.Kind, tt.want, tt.status, tt.kind)
		}
	}
}

func TestTCRDeleteNamesEveryTag(t *testing.T) {
	var named []string
	for _, e := range filed(t, "tcr", "harbor-delete-several-tags.jsonl") {
		if e.Type != event.ArtifactDeleted || e.Artifact.Digest == "" {
			t.Errorf("event = %s of %+v", e.Type, e.Artifact)
		}
		named = append(named, e.Artifact.Tags...)
	}
	if !slices.Equal(named, []string{"v1", "latest", "v0"}) {
		t.Errorf("tags %q, want an event for each", named)
	}
}

func TestTCRPullByDigestNamesNothing(t *testing.T) {
	for _, resources := range []string{`null`, `[]`} {
		e := bodies(t, "tcr", `{"type":"pullImage","event_data":{"resources":`+resources+`,"repository":{"repo_full_name":"a/b"}}}`)[0]
		if e.Type != event.ArtifactPulled || e.Artifact != nil || e.Repository.FullName != "a/b" {
			t.Errorf("resources %s: %s of %+v, want a pull of something in a/b", resources, e.Type, e.Artifact)
		}
	}
}

func TestTCRDigestInTagIsADigest(t *testing.T) {
	for _, e := range filed(t, "tcr", "harbor-digest-as-tag.jsonl") {
		if len(e.Artifact.Tags) != 0 || !strings.HasPrefix(e.Artifact.Digest, "sha256:2fb8") {
			t.Errorf("artifact = %+v, want a digest and no tag", e.Artifact)
		}
	}
}

func TestTCRRepoTypeIsVisibility(t *testing.T) {
	for repoType, want := range map[string]string{"public": "public", "private": "private", "PRIVATE": "private", "internal": "", "": ""} {
		e := bodies(t, "tcr", `{"type":"pushImage","event_data":{"resources":[{"tag":"v1"}],"repository":{"repo_full_name":"a/b","repo_type":"`+repoType+`"}}}`)[0]
		if e.Repository.Visibility != want {
			t.Errorf("repo_type %q: visibility %q, want %q", repoType, e.Repository.Visibility, want)
		}
	}
}

func TestTCRNamespaceEndsAtTheFirstSlash(t *testing.T) {
	r := filed(t, "tcr", "harbor-1.9-push.jsonl")[0].Repository
	if r.Namespace != "prj" || r.Name != "api/server" {
		t.Errorf("repository = %+v", r)
	}
}

// An image's URL has no scheme, a chart's has; either tells the registry's host, which
// nothing else does.
func TestTCRHostIsInTheURLOnly(t *testing.T) {
	tests := []struct{ url, want string }{
		{"xxx-bj.tencentcloudcr.com/public/nginx:v1", "xxx-bj.tencentcloudcr.com"},
		{"reg.example:8443/public/nginx@sha256:1", "reg.example:8443"},
		{"https://reg.example:8443/chartrepo/public/charts/nginx-1.tgz", "reg.example:8443"},
		{"https://reg.example/public/nginx:v1", ""},
		{"reg.example/other/nginx:v1", ""},
		{"reg.example/public/nginx2:v1", ""},
		{"public/nginx:v1", ""},
		{"reg.example", ""},
		{"", ""},
	}
	for _, tt := range tests {
		e := bodies(t, "tcr", tcrBody("pushImage", `{"tag":"v1","resource_url":"`+tt.url+`"}`))[0]
		if e.Registry.Host != tt.want {
			t.Errorf("host of %q = %q, want %q", tt.url, e.Registry.Host, tt.want)
		}
	}
}

func TestTCRChartHasNoDigest(t *testing.T) {
	e := filed(t, "tcr", "harbor-chart-upload.jsonl")[0]
	if e.Type != event.ChartPushed || e.Artifact.Digest != "" || !slices.Equal(e.Artifact.Tags, []string{"1.0.0"}) {
		t.Errorf("%s of %+v, want a chart pushed with its version", e.Type, e.Artifact)
	}
}

func TestTCRScanOfHarbor19CountsPackages(t *testing.T) {
	got := filed(t, "tcr", "harbor-1.9-scan.jsonl")
	if len(got) != 2 || got[0].Scan.Counts != nil || got[0].Scan.Total != nil || got[0].Scan.Severity != event.SeverityHigh {
		t.Fatalf("events = %+v, want a scan with a severity and no counts, and a finding", got)
	}
	if v := got[1].Vulnerability; got[1].Origin != event.OriginDerived || v.Severity != event.SeverityHigh || v.Counts != nil {
		t.Errorf("finding = %+v", v)
	}
	for n, want := range map[string]event.Severity{"0": "", "1": "", "2": event.SeverityUnknown, "3": event.SeverityLow, "4": event.SeverityMedium, "5": event.SeverityHigh, "6": ""} {
		got := bodies(t, "tcr", tcrBody("scanningCompleted", `{"tag":"v1","scan_overview":{"scan_status":"finished","severity":`+n+`}}`))
		if got[0].Scan.Severity != want || (len(got) == 2) != (want != "") {
			t.Errorf("severity %s: %q and %d events, want %q", n, got[0].Scan.Severity, len(got), want)
		}
	}
}

func TestTCRFailedScanFindsNothing(t *testing.T) {
	got := bodies(t, "tcr", tcrBody("scanningFailed", `{"tag":"v1","scan_overview":{"a/b":{"scan_status":"Error","severity":"High","summary":{"total":3,"summary":{"High":3}}}}}`))
	if len(got) != 1 || got[0].Status != event.Failed {
		t.Errorf("events = %+v, want the failure alone", got)
	}
}

func TestTCRQuotaSaysInProseWhetherItWarns(t *testing.T) {
	got := types(filed(t, "tcr", "harbor-quota.jsonl"))
	if want := []event.Type{event.QuotaExceeded, event.QuotaExceeded, event.QuotaWarning}; !slices.Equal(got, want) {
		t.Errorf("types = %v, want %v", got, want)
	}
}

// Two pulls in one second are the same bytes, and two events.
func TestTCRHasNoIDs(t *testing.T) {
	for _, e := range filed(t, "tcr", "harbor-1.10-scan.jsonl") {
		if e.ID != "" || e.Native.ID != "" {
			t.Errorf("id %q of native id %q, want none", e.ID, e.Native.ID)
		}
	}
}

// seed adds the bodies in testdata/NAME to the corpus.
