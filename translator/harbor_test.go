package translator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// The requests in testdata/harbor are what a real Harbor (2.15.2) posted while the thing
// happened that the file is named for: in Default format and then as CloudEvents.

var yard = typeNamed("harbor").source()

// typeNamed is one of [registries].
func typeNamed(name string) registry {
	all := registries()
	return all[slices.IndexFunc(all, func(g registry) bool { return g.name == name })]
}

// fromHarbor does all that happens to a body before it is routed.
func fromHarbor(t testing.TB, body string) []event.Event {
	t.Helper()
	return typeNamed("harbor").request(t, httptest.NewRequest(http.MethodPost, "/in/hub", nil), body)
}

// oneOfHarbor translates a body that becomes one event.
func oneOfHarbor(t testing.TB, body string) event.Event {
	t.Helper()
	events := fromHarbor(t, body)
	if len(events) != 1 {
		t.Fatalf("%s became %d events, want 1", body, len(events))
	}
	return events[0]
}

// harborCaptures translates what Harbor posted of what name says, in both formats.
func harborCaptures(t testing.TB, name string) (byDefault, byCloudEvents []event.Event) {
	t.Helper()
	for line := range strings.Lines(read(t, "testdata/harbor/"+name+".jsonl")) {
		if strings.HasPrefix(line, `{"specversion"`) {
			byCloudEvents = append(byCloudEvents, fromHarbor(t, line)...)
		} else {
			byDefault = append(byDefault, fromHarbor(t, line)...)
		}
	}
	return byDefault, byCloudEvents
}

// Both formats mean the same, but for what CloudEvents alone can say.
func TestHarborFormatsAgree(t *testing.T) {
	for _, name := range []string{"push-by-digest", "push-cosign-signature", "delete-untagged", "scan-failed", "retention"} {
		byDefault, byCloudEvents := harborCaptures(t, name)
		if len(byDefault) == 0 || len(byDefault) != len(byCloudEvents) {
			t.Fatalf("%s: %d and %d events", name, len(byDefault), len(byCloudEvents))
		}
		for i, e := range byCloudEvents {
			d := byDefault[i]
			if e.ID == "" || e.Native.ID == "" || e.RequestID == "" || d.ID != "" || d.Native.ID != "" || d.RequestID != "" {
				t.Errorf("%s: ids %q, %q, %q and %q, %q, %q", name, e.ID, e.Native.ID, e.RequestID, d.ID, d.Native.ID, d.RequestID)
			}
			e.ID, e.RequestID, e.Native = "", "", d.Native
			e.Time = d.Time // jobs may differ by a second
			if g, w := dumpEvent(t, e), dumpEvent(t, d); g != w {
				t.Errorf("%s\nCloudEvents %s\n    Default %s", name, g, w)
			}
		}
	}
}

func dumpEvent(t testing.TB, e event.Event) string {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	hexOf      = "68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"
	digestOf   = "sha256:" + hexOf
	repoInYard = `"repository":{"name":"nested/app","namespace":"prod","repo_full_name":"prod/nested/app","repo_type":"private"}`
)

// about is the body of a notification of an artifact.
func about(typ, resource string) string {
	return `{"type":"` + typ + `","occur_at":1795217669,"operator":"admin","event_data":{"resources":[{` + resource + `}],` + repoInYard + `}}`
}

func TestHarborTypes(t *testing.T) {
	image := `"digest":"` + digestOf + `","tag":"v1"`
	chart := `"tag":"1.0.0","resource_url":"https://reg.example/chartrepo/prod/charts/app-1.0.0.tgz"`
	tests := []struct {
		names    []string
		resource string
		want     event.Type
		status   event.Status
	}{
		{[]string{"PUSH_ARTIFACT", "pushImage"}, image, event.ArtifactPushed, ""},
		{[]string{"PULL_ARTIFACT", "pullImage"}, image, event.ArtifactPulled, ""},
		{[]string{"DELETE_ARTIFACT", "deleteImage"}, image, event.ArtifactDeleted, ""},
		{[]string{"UPLOAD_CHART", "uploadChart"}, chart, event.ChartPushed, ""},
		{[]string{"DOWNLOAD_CHART", "downloadChart"}, chart, event.ChartPulled, ""},
		{[]string{"DELETE_CHART", "deleteChart"}, chart, event.ChartDeleted, ""},
		{[]string{"SCANNING_COMPLETED", "scanningCompleted"}, image, event.ScanCompleted, event.Succeeded},
		{[]string{"SCANNING_FAILED", "scanningFailed"}, image, event.ScanCompleted, event.Failed},
		{[]string{"SCANNING_STOPPED"}, image, event.ScanCompleted, event.Stopped},
		{[]string{"QUOTA_EXCEED"}, image, event.QuotaExceeded, ""},
		{[]string{"QUOTA_WARNING"}, image, event.QuotaWarning, ""},
	}
	for _, tt := range tests {
		for _, name := range tt.names {
			e := oneOfHarbor(t, about(name, tt.resource))
			if e.Type != tt.want || e.Status != tt.status || e.Native.Type != name || e.Reason != "" {
				t.Errorf("%s: type %s, status %q (%s)", name, e.Type, e.Status, e.Reason)
			}
			if chart := strings.HasPrefix(string(tt.want), "chart."); chart != (e.Artifact.Kind == event.KindChart) {
				t.Errorf("%s: kind %s", name, e.Artifact.Kind)
			}
		}
	}
}

func TestHarborUnknown(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"new type", `{"type":"CREATE_TAG","event_data":{"resources":"none"}}`, `type "CREATE_TAG" is not known`},
		{"type in small letters", `{"type":"push_artifact"}`, `type "push_artifact" is not known`},
		{"no type", `{"event_data":{}}`, "the event says no type"},
		{"no data", `{"type":"PUSH_ARTIFACT"}`, "PUSH_ARTIFACT without repository.repo_full_name"},
		{"data null", `{"type":"PUSH_ARTIFACT","event_data":null}`, "PUSH_ARTIFACT without repository.repo_full_name"},
		{"no resources", `{"type":"PULL_ARTIFACT","event_data":{"resources":null,` + repoInYard + `}}`, "PULL_ARTIFACT without resources"},
		{"no digest", about("PUSH_ARTIFACT", `"tag":"v1"`), "PUSH_ARTIFACT without resources[0].digest"},
		{"scan of nothing", about("SCANNING_FAILED", ``), "SCANNING_FAILED without resources[0].digest"},
		{"chart without version", about("uploadChart", `"digest":"`+digestOf+`"`), "uploadChart without resources[0].tag"},
		{"no replication", `{"type":"REPLICATION","event_data":{}}`, "REPLICATION without replication"},
		{"no status", `{"type":"REPLICATION","event_data":{"replication":{}}}`, "REPLICATION without replication.job_status"},
		{"new status", `{"type":"REPLICATION","event_data":{"replication":{"job_status":"Pending"}}}`, `replication.job_status "Pending" is not known`},
		{"no retention", `{"type":"TAG_RETENTION","event_data":{}}`, "TAG_RETENTION without retention"},
		{"quota of nothing", `{"type":"QUOTA_WARNING","event_data":{"custom_attributes":{"Details":"x"}}}`, "QUOTA_WARNING without repository.repo_full_name"},
		{"a quota of 1.10", `{"type":"projectQuota","event_data":{` + repoInYard + `}}`, "projectQuota: custom_attributes.Details does not tell a warning from a quota that is exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := oneOfHarbor(t, tt.body)
			if e.Type != event.Unknown || e.Reason != tt.reason || e.Status != "" {
				t.Errorf("type = %s, status %q (%s), want unknown (%s)", e.Type, e.Status, e.Reason, tt.reason)
			}
		})
	}
	got := translator.Harbor(yard, adapters.Notification{Native: 7})
	if len(got) != 1 || got[0].Reason != "the adapter read a int, which is no event of Harbor" {
		t.Errorf("events = %+v, want one that says what it was given", got)
	}
}
