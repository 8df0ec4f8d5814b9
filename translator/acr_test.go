package translator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// The requests in testdata/acr are EventBridge's example of a build, and others as the
// vendor's API names things; those in testdata/acr-personal are the manual's example
// and what it says of others.

// acrEvent is a CloudEvent of this kind whose data has an identity and more.
func acrEvent(kind, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"id":"1","source":"acs.cr","specversion":"1.0","time":"2020-11-19T21:04:41+08:00","type":"cr:Artifact:` + kind +
		`Completed","data":{"RepoNamespaceName":"scan","RepoName":"mix-vuls","Tag":"v1"` + more + `}}`
}

func TestACROutcome(t *testing.T) {
	const unknown = event.Unknown
	tests := []struct {
		kind, data string
		want       event.Type
		status     event.Status
		reason     string
	}{
		{"Build", `"BuildStatus":"SUCCESS"`, event.BuildSucceeded, event.Succeeded, ""},
		{"Build", `"BuildStatus":"FAILED"`, event.BuildFailed, event.Failed, ""},
		{"Build", `"BuildStatus":"CANCELED"`, event.BuildCanceled, event.Canceled, ""},
		{"Build", `"BuildStatus":"CANCELLED"`, event.BuildCanceled, event.Canceled, ""},
		{"Build", `"BuildStatus":"DENIED"`, unknown, "", `BuildCompleted with the outcome "DENIED", which is not known`},
		{"Synchronization", `"TaskStatus":"SUCCESS"`, event.ReplicationSucceeded, event.Succeeded, ""},
		{"Synchronization", `"SynchronizationStatus":"FAILED"`, event.ReplicationFailed, event.Failed, ""},
		{"Synchronization", `"SyncStatus":"CANCELED"`, event.ReplicationCanceled, event.Canceled, ""},
		{"Scan", `"ScanStatus":"SUCCESS"`, event.ScanCompleted, event.Succeeded, ""},
		{"Scan", `"Status":"COMPLETE"`, event.ScanCompleted, event.Succeeded, ""},
		{"Scan", `"ScanResult":"FAILED"`, event.ScanCompleted, event.Failed, ""},
		{"Scan", `"Status":"CANCELED"`, unknown, "", `ScanCompleted with the outcome "CANCELED", which is not known`},
		{"Signing", `"SigningStatus":"SUCCESS"`, event.ArtifactSigned, event.Succeeded, ""},
		{"Signing", `"SigningStatus":"FAILED"`, event.ArtifactSigned, event.Failed, ""},
		{"DeliveryChain", `"Result":"SUCCESS"`, event.DeliveryChainCompleted, event.Succeeded, ""},
		{"DeliveryChain", `"Result":"CANCELED"`, event.DeliveryChainCompleted, event.Canceled, ""},
		{"DeliveryChain", `"Result":"DENIED"`, event.DeliveryChainCompleted, event.Denied, ""},
		{"DeliveryChain", `"Status":"COMPLETE","Result":"FAILED"`, event.DeliveryChainCompleted, event.Failed, ""},
		// The chain's state says that it ended, and not how.
		{"DeliveryChain", `"Status":"COMPLETE"`, unknown, "", `DeliveryChainCompleted with the outcome "COMPLETE", which is not known`},
		{"DeliveryChain", `"Status":"RUNNING"`, unknown, "", `DeliveryChainCompleted with the outcome "RUNNING", which is not known`},
		{"Push", ``, event.ArtifactPushed, "", ""},
		{"Scan", ``, unknown, "", "ScanCompleted without a key in data that ends in Status or Result"},
		{"Scan", `"Status":""`, unknown, "", "ScanCompleted without a key in data that ends in Status or Result"},
		{"Signing", `"AStatus":"SUCCESS","BResult":"FAILED"`, unknown, "", `SigningCompleted with several keys in data that may say the outcome: "AStatus, BResult"`},
		{"Delete", ``, unknown, "", `type "cr:Artifact:DeleteCompleted" is not known`},
	}
	for _, tt := range tests {
		t.Run(tt.kind+" "+tt.data, func(t *testing.T) {
			got := bodies(t, "acr", acrEvent(tt.kind, tt.data))
			if len(got) != 1 {
				t.Fatalf("became %d events", len(got))
			}
			if e := got[0]; e.Type != tt.want || e.Status != tt.status || e.Reason != tt.reason {
				t.Errorf("%s %s (%s), want %s %s (%s)", e.Type, e.Status, e.Reason, tt.want, tt.status, tt.reason)
			}
		})
	}
}

func TestACRKeysThatAreNotThere(t *testing.T) {
	tests := []struct{ kind, data, reason string }{
		{"Scan", `{"RepoName":"a","ScanStatus":"SUCCESS"}`, "ScanCompleted without data.RepoNamespaceName"},
		{"Signing", `{"Namespace":"a","SigningStatus":"SUCCESS"}`, "SigningCompleted without data.RepoName"},
		{"Build", `{"Namespace":"a","RepoName":"b","BuildStatus":"SUCCESS"}`, "BuildCompleted without data.Tag"},
		{"Push", `{"Namespace":"a","RepoName":"b"}`, "PushCompleted without data.Tag"},
		{"Push", `"built"`, "PushCompleted with data that is a string, want an object"},
		{"Push", `null`, "PushCompleted without data.RepoName"},
	}
	for _, tt := range tests {
		e := bodies(t, "acr", `{"specversion":"1.0","source":"acs.cr","type":"cr:Artifact:`+tt.kind+`Completed","data":`+tt.data+`}`)[0]
		if e.Type != event.Unknown || e.Reason != tt.reason {
			t.Errorf("%s %s: %s because %q, want %q", tt.kind, tt.data, e.Type, e.Reason, tt.reason)
		}
	}
}

// A chain is of an instance; which repository it was for may not be said.
func TestACRDeliveryChainNeedsNoRepository(t *testing.T) {
	e := bodies(t, "acr", `{"specversion":"1.0","source":"acs.cr","type":"cr:Artifact:DeliveryChainCompleted","data":{"ChainId":"chi-1","Result":"DENIED"}}`)[0]
	if e.Type != event.DeliveryChainCompleted || e.Status != event.Denied || e.Repository != nil || e.DeliveryChain.ID != "chi-1" {
		t.Errorf("event = %+v", e)
	}
}

func TestACRTagAndNamespaceHaveTwoNames(t *testing.T) {
	e := bodies(t, "acr", `{"specversion":"1.0","source":"acs.cr","type":"cr:Artifact:ScanCompleted","data":{"Namespace":"scan","RepoName":"mix-vuls","ImageTag":"v1","Status":"COMPLETE"}}`)[0]
	if e.Repository.FullName != "scan/mix-vuls" || !slices.Equal(e.Artifact.Tags, []string{"v1"}) {
		t.Errorf("event = %+v of %+v", e.Repository, e.Artifact)
	}
}

func TestACRTimesAreNotAlwaysRFC3339(t *testing.T) {
	received := "2026-11-21T01:30:00Z"
	tests := []struct {
		time, want string
		source     event.TimeSource
	}{
		{"2020-11-19T21:04:41+08:00", "2020-11-19T13:04:41Z", event.TimeNative},
		{"2020-11-19T13:04:41Z", "2020-11-19T13:04:41Z", event.TimeNative},
		{"2020-08-17T16:04:46.149Asia/Shanghai", "2020-08-17T08:04:46.149Z", event.TimeNative},
		{"2020-11-19T21:04:42.179PRC", "2020-11-19T13:04:42.179Z", event.TimeNative},
		{"2020-11-19T21:04:42", "2020-11-19T13:04:42Z", event.TimeNative},
		{"2020-11-19 21:04:42", "2020-11-19T13:04:42Z", event.TimeNative},
		{"2020-11-19T21:04:42.5", "2020-11-19T13:04:42.5Z", event.TimeNative},
		{"2020-11-19T21:04:42Mars/Olympus", received, event.TimeReceived},
		{"2020-13-19 21:04:42", received, event.TimeReceived},
		{"", received, event.TimeReceived},
	}
	for _, tt := range tests {
		e := bodies(t, "acr", strings.Replace(acrEvent("Push", ""), "2020-11-19T21:04:41+08:00", tt.time, 1))[0]
		if got := e.Time.Format(time.RFC3339Nano); got != tt.want || e.TimeSource != tt.source {
			t.Errorf("%q = %s (%s), want %s (%s)", tt.time, got, e.TimeSource, tt.want, tt.source)
		}
	}
}

// EventBridge says that equal source and id are one event.
func TestACRIDIsThatOfSourceAndID(t *testing.T) {
	scan := acrEvent("Scan", `"Status":"COMPLETE","HighSeverity":"1"`)
	got := bodies(t, "acr", scan, scan, strings.Replace(scan, `"id":"1"`, `"id":"2"`, 1))
	if len(got) != 6 || got[0].ID == "" || got[0].ID == got[1].ID || got[0].ID == got[4].ID {
		t.Fatalf("events = %+v, want six with ids of their own", got)
	}
	if got[0].ID != got[2].ID || got[1].ID != got[3].ID {
		t.Error("the same event sent again has other ids")
	}
	if got[0].Native.ID != "1" {
		t.Errorf("native id = %q, want the one that EventBridge's trace is searched by", got[0].Native.ID)
	}
}

func TestACRFindingIsDerivedFromCounts(t *testing.T) {
	got := bodies(t, "acr", acrEvent("Scan", `"Status":"COMPLETE","HighSeverity":"0","MediumSeverity":2,"LowSeverity":"x","UnknownSeverity":-1,"TotalSeverity":"2"`))
	if len(got) != 2 {
		t.Fatalf("%d events, want the scan and its finding", len(got))
	}
	v := got[1].Vulnerability
	if got[1].Type != event.VulnerabilityFound || got[1].Origin != event.OriginDerived || v.Severity != event.SeverityMedium || len(v.Counts) != 1 || *v.Total != 2 {
		t.Errorf("finding = %+v", v)
	}
	for _, data := range []string{`"Status":"COMPLETE","TotalSeverity":"0"`, `"Status":"COMPLETE"`, `"Status":"FAILED","HighSeverity":"3"`} {
		if got := bodies(t, "acr", acrEvent("Scan", data)); len(got) != 1 {
			t.Errorf("%s: %d events, want the scan alone", data, len(got))
		}
	}
}

func TestACRAuditIsUnknown(t *testing.T) {
	for _, e := range filed(t, "acr", "audit.jsonl") {
		if e.Type != event.Unknown || !strings.Contains(e.Reason, "ActionTrail") || e.Native.Type == "" {
			t.Errorf("event = %s because %q", e.Type, e.Reason)
		}
	}
}

// Rules of EventBridge may post the data alone, which says what it is of builds only.
func TestACRBareDataIsNamedByTheRequest(t *testing.T) {
	const data = `{"RepoNamespaceName":"scan","RepoName":"mix-vuls","Tag":"v1","XStatus":"SUCCESS"}`
	for name, want := range map[string]event.Type{
		"":                             event.Unknown,
		"ScanCompleted":                event.ScanCompleted,
		"cr:Artifact:SigningCompleted": event.ArtifactSigned,
		"Signed":                       event.Unknown,
	} {
		r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
		r.SetPathValue("event", name)
		got := typeNamed("acr").request(t, r, data)
		if len(got) != 1 || got[0].Type != want || got[0].ID != "" || got[0].Repository.FullName != "scan/mix-vuls" {
			t.Errorf("named %q: %+v, want one %s", name, got, want)
		}
	}
}

// The event's own type goes before what the path says.
func TestACRTypeGoesBeforePath(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	r.SetPathValue("event", "PushCompleted")
	if e := typeNamed("acr").request(t, r, acrEvent("Signing", `"SigningStatus":"SUCCESS"`))[0]; e.Type != event.ArtifactSigned {
		t.Errorf("type = %s", e.Type)
	}
}

func TestACRRegionIsTheEnvelopesIfTheDataSaysNone(t *testing.T) {
	for body, want := range map[string]string{
		`{"specversion":"1.0","source":"acs.cr","type":"cr:x","aliyunregionid":"cn-hangzhou","data":{}}`:                         "cn-hangzhou",
		`{"specversion":"1.0","source":"acs.cr","type":"cr:x","aliyunregionid":"cn-hangzhou","data":{"RegionId":"cn-shanghai"}}`: "cn-shanghai",
		`{"specversion":"1.0","source":"acs.cr","type":"cr:x","aliyunregionid":{"a":1}}`:                                         "",
	} {
		if e := bodies(t, "acr", body)[0]; e.Registry.Region != want {
			t.Errorf("%s: region %q, want %q", body, e.Registry.Region, want)
		}
	}
}

// Who has one URL for all CloudEvents gets the same events, but for the registry.
func TestACREventsAreCloudEvents(t *testing.T) {
	source := typeNamed("acr").source()
	cloud := registry{"acr", cloudevents.Adapter{}, translator.CloudEvents}
	body := acrEvent("Scan", `"Status":"COMPLETE","HighSeverity":"1"`)
	got := cloud.request(t, httptest.NewRequest(http.MethodPost, "/in/hub", nil), body)
	if g, w := asJSON(t, got), asJSON(t, bodies(t, "acr", body)); g != w {
		t.Errorf("of %s\n got %s\nwant %s", source.Registry.Type, g, w)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func personal(pushedAt, region, repoType string) string {
	return fmt.Sprintf(`{"push_data":{"digest":"sha256:1","pushed_at":%q,"tag":"latest"},"repository":{"region":%q,"repo_full_name":"a/b","repo_type":%q}}`, pushedAt, region, repoType)
}

// What is written is China's wall clock, whichever the region.
func TestACRPersonalTimeHasNoZone(t *testing.T) {
	for pushedAt, want := range map[string]string{
		"2016-11-29 12:25:46":       "2016-11-29T04:25:46Z",
		"2016-11-29 01:00:00":       "2016-11-28T17:00:00Z",
		"2016-11-29T12:25:46Z":      "2016-11-29T12:25:46Z",
		"2016-11-29 12:25:46+02:00": "2016-11-29T10:25:46Z",
	} {
		for _, region := range []string{"cn-hangzhou", "us-west-1"} {
			e := bodies(t, "acr-personal", personal(pushedAt, region, "PUBLIC"))[0]
			if got := e.Time.Format(time.RFC3339Nano); got != want || e.TimeSource != event.TimeNative {
				t.Errorf("%s in %s = %s (%s), want %s", pushedAt, region, got, e.TimeSource, want)
			}
		}
	}
	if e := bodies(t, "acr-personal", personal("soon", "x", ""))[0]; e.Type != event.ArtifactPushed || e.TimeSource != event.TimeReceived {
		t.Errorf("a push at no time = %s (%s)", e.Type, e.TimeSource)
	}
}

func TestACRPersonalRepoTypeIsVisibility(t *testing.T) {
	for repoType, want := range map[string]string{"PUBLIC": "public", "PRIVATE": "private", "OTHER": "", "": ""} {
		if e := bodies(t, "acr-personal", personal("", "", repoType))[0]; e.Repository.Visibility != want {
			t.Errorf("repo_type %q: visibility %q, want %q", repoType, e.Repository.Visibility, want)
		}
	}
}

// The region has two hosts, and an instance its own: none is made up.
func TestACRPersonalRegionIsNoHost(t *testing.T) {
	e := bodies(t, "acr-personal", personal("", "cn-hangzhou", ""))[0]
	if e.Registry.Region != "cn-hangzhou" || e.Registry.Host != "" || e.Artifact.URL != "" {
		t.Errorf("registry = %+v, URL %q, want the region alone", e.Registry, e.Artifact.URL)
	}
}

func TestACRPersonalKeysThatAreNotThere(t *testing.T) {
	var reasons []string
	for _, e := range filed(t, "acr-personal", "not-said.jsonl") {
		reasons = append(reasons, e.Reason)
	}
	want := []string{"push without repository.repo_full_name", "push without repository.repo_full_name", "push without push_data.digest", "push without push_data.tag", ""}
	if !slices.Equal(reasons, want) {
		t.Errorf("reasons = %q, want %q", reasons, want)
	}
}
