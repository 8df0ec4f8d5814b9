package harbor

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
)

// request has the headers that are given as name, value, name, value.
func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in/yard", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

const (
	data       = `{"resources":[{"digest":"sha256:1","tag":"v1","resource_url":"h/p/a:v1"}],"repository":{"name":"a","namespace":"p","repo_full_name":"p/a","repo_type":"public"}}`
	asDefault  = `{"type":"PUSH_ARTIFACT","occur_at":1795217669,"operator":"admin","event_data":` + data + `}`
	structured = `{"specversion":"1.0","id":"525e","source":"/projects/2/webhook/policies/2","type":"harbor.artifact.pushed",` +
		`"datacontenttype":"application/json","time":"2026-11-20T23:34:29Z","data":` + data + `,"operator":"admin","requestid":"my-own-id-42"}`
)

// What is posted tells the format, whatever the content type says.
func TestReadTellsTheFormat(t *testing.T) {
	binary := []string{"ce-specversion", "1.0", "ce-id", "525e", "ce-source", "/projects/2/webhook/policies/2", "ce-type", "harbor.artifact.pushed",
		"ce-time", "2026-11-20T23:34:29Z", "ce-operator", "admin", "ce-requestid", "my-own-id-42", "Content-Type", "application/json"}
	const key = "/projects/2/webhook/policies/2 525e"
	tests := []struct {
		name       string
		r          *http.Request
		body       string
		id, native string
	}{
		{"Default", request("Content-Type", "application/json"), asDefault, "", ""},
		{"Default without a content type", request(), " " + asDefault + "\n", "", ""},
		{"Default said to be a CloudEvent", request("Content-Type", "application/cloudevents+json"), asDefault, "", ""},
		{"CloudEvent", request("Content-Type", "application/cloudevents+json"), structured, key, "525e"},
		{"CloudEvent said to be JSON", request("Content-Type", "application/json"), structured, key, "525e"},
		{"CloudEvents in a batch", request("Content-Type", "application/cloudevents-batch+json"), "[" + structured + "]", key, "525e"},
		{"CloudEvent in headers", request(binary...), data, key, "525e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(tt.r, []byte(tt.body))
			if err != nil || len(got) != 1 {
				t.Fatalf("Read() = %v, %v, want one", got, err)
			}
			e := got[0].Native.(*Event)
			if got[0].ID != tt.id || e.ID != tt.native || e.Kind != Push || e.Operator != "admin" || !e.Time.Equal(time.Unix(1795217669, 0)) {
				t.Errorf("id %q, event %+v", got[0].ID, e)
			}
			if (e.RequestID == "my-own-id-42") != (tt.id != "") {
				t.Errorf("request id = %q", e.RequestID)
			}
			d := e.Data
			if len(d.Resources) != 1 || d.Resources[0].Digest != "sha256:1" || d.Repository.FullName != "p/a" || d.Repository.Type != "public" {
				t.Errorf("data = %+v", d)
			}
		})
	}
}

func TestReadUnreadable(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"Slack's format", "{\"text\":\"a\nb\"}", `not JSON: invalid character '\n' in string (expecting non-control character) at byte 10`},
		{"nobody's", `{"events":{}}`, `neither "type" nor "event_data" in the body: not a notification of Harbor; see that the registry's type is right`},
		{"a string", `"x"`, "the body is neither an object nor a list, and no header ce-specversion is there: no CloudEvent"},
		{"type a number", `{"type":7}`, `wrong value at "/type": a number where a string belongs`},
		{"time a string", `{"type":"PUSH_ARTIFACT","occur_at":"now"}`, `wrong value at "/occur_at": a string where a number belongs`},
		{"resources an object", `{"type":"PUSH_ARTIFACT","event_data":{"resources":{}}}`, `wrong value at "/event_data/resources": an object where a list belongs`},
		{"a CloudEvent's resources", `{"specversion":"1.0","type":"harbor.artifact.pushed","data":{"resources":[7]}}`, `wrong value at "/data/resources/0": a number where an object belongs`},
		{"type twice", `{"type":"PUSH_ARTIFACT","Type":"DELETE_ARTIFACT"}`, `keys "type" and "Type" differ in case only, at the top`},
		{"report a list", `{"type":"SCANNING_FAILED","event_data":{"resources":[{"scan_overview":{"application/x":[]}}]}}`, `wrong value at "/event_data/resources/0/scan_overview/application~1x": a list where an object belongs`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(request(), []byte(tt.body))
			var unreadable *adapters.Unreadable
			if !errors.As(err, &unreadable) || got != nil {
				t.Fatalf("Read() = %v, %v, want an Unreadable", got, err)
			}
			if unreadable.Reason != tt.reason {
				t.Errorf("reason\n got %s\nwant %s", unreadable.Reason, tt.reason)
			}
		})
	}
}

// Harbor 1.x posts nothing at all to test the endpoint.
func TestEmptyBodyIsATestOfTheEndpoint(t *testing.T) {
	for _, body := range []string{"", "\n", " \r\n\t"} {
		if got, err := (Adapter{}).Read(request("Content-Type", "application/json"), []byte(body)); err != nil || len(got) != 0 {
			t.Errorf("Read(%q) = %v, %v, want nothing", body, got, err)
		}
	}
}

// What comes with a type that is not known may have any form.
func TestReadUnknownTypeWithAnything(t *testing.T) {
	for _, body := range []string{
		`{"type":"NEW","event_data":{"resources":"none"}}`, `{"type":"NEW","event_data":7}`, `{"event_data":[]}`,
		`{"specversion":"1.0","type":"harbor.new","data":"x"}`,
	} {
		got, err := Adapter{}.Read(request(), []byte(body))
		if err != nil || len(got) != 1 {
			t.Errorf("Read(%s) = %v, %v, want one", body, got, err)
		} else if e := got[0].Native.(*Event); e.Kind != Unknown || e.Data == nil || len(e.Data.Resources) != 0 {
			t.Errorf("%s: event = %+v", body, e)
		}
	}
}

// A replication or a retention of very many artifacts is an event of ordinary size.
func TestReadLarge(t *testing.T) {
	entry := `{"type":"image","status":"SUCCESS","name_tag":"app:v1","references":null},`
	list := strings.TrimSuffix(strings.Repeat(entry, adapters.LargeBody/len(entry)+1), ",")
	got, err := Adapter{}.Read(request(), []byte(`{"type":"TAG_RETENTION","event_data":{"retention":{"total":20000,"project_name":"p","deleted_artifact":[`+list+`]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := got[0].Native.(*Event).Data.Retention
	if len(r.Deleted) != MaxList || cap(r.Deleted) > 2*MaxList || r.Total != 20000 || r.Deleted[0].NameTag != "app:v1" {
		t.Errorf("%d deleted (capacity %d) of %d, want %d", len(r.Deleted), cap(r.Deleted), r.Total, MaxList)
	}
	long := strings.Repeat("x", 2*maxString)
	body := `{"type":"REPLICATION","event_data":{"replication":{"description":"` + long + `","failed_artifact":[{"name_tag":"` + long +
		`","references":["` + strings.Repeat("y", adapters.LargeBody) + `","v1"]}]}}}`
	if got, err = (Adapter{}).Read(request(), []byte(body)); err != nil {
		t.Fatal(err)
	}
	if task := got[0].Native.(*Event).Data.Replication; task.Description != "" || task.Failed[0].NameTag != "" || len(task.Failed[0].References) != 1 || task.Failed[0].References[0] != "v1" {
		t.Error("kept what is long and not needed")
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{asDefault, structured, "[" + structured + "]", `{"type":"REPLICATION","event_data":{"replication":{"job_status":"Error"}}}`,
		`{"type":"scanningCompleted","event_data":{"resources":[{"scan_overview":{"scan_status":"finished","severity":5}}]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := adaptertest.Read(t, Adapter{}, request(), body)
		for _, n := range got {
			if e, ok := n.Native.(*Event); ok && e.Data == nil || !json.Valid(n.Raw) {
				t.Fatalf("Read(%q): event %+v from %q", body, e, n.Raw)
			}
		}
	})
}
