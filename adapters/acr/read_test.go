package acr

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
)

// The example in EventBridge's manual, with the brace that it lacks.
const (
	data  = `{"InstanceId":"cri-4jga79lyszik****","InstanceName":"sirong-tongbu-hangzhou","RegionId":"cn-hangzhou","RepoBuildType":"AUTO_BUILD","BuildStatus":"SUCCESS","RepoId":"crr-8441203b7uzi****","RepoNamespaceName":"scan","RepoName":"mix-vuls","Tag":"mix-vuls","ImageUpdate":"2021-11-15 20:49:40"}`
	build = `{"id":"45ef4dewdwe1-7c35-447a-bd93-fab****","source":"acs.cr","specversion":"1.0","subject":"acs.cr:cn-hangzhou:123456789098****:215672","time":"2020-11-19T21:04:41+08:00","type":"cr:Artifact:BuildCompleted","aliyunaccountid":"123456789098****","aliyunpublishtime":"2020-11-19T21:04:42Z","aliyuneventbusname":"default","aliyunregionid":"cn-hangzhou","aliyunpublishaddr":"172.25.XX.XX","data":` + data + `}`
)

func request(header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// one reads a body that holds one notification.
func one(t testing.TB, r *http.Request, body string) adapters.Notification {
	t.Helper()
	got, err := Adapter{}.Read(r, []byte(body))
	if err != nil || len(got) != 1 {
		t.Fatalf("Read(%s) = %d notifications, %v, want one", body, len(got), err)
	}
	if string(got[0].Raw) != body {
		t.Errorf("raw = %s, want the body", got[0].Raw)
	}
	return got[0]
}

func TestReadCompleteEvent(t *testing.T) {
	for _, ct := range []string{"application/json", "application/cloudevents+json; charset=UTF-8", ""} {
		n := one(t, request("Content-Type", ct), build)
		e := n.Native.(*Event)
		if n.ID != "acs.cr 45ef4dewdwe1-7c35-447a-bd93-fab****" || e.Envelope.Type != "cr:Artifact:BuildCompleted" {
			t.Errorf("id %q of type %q", n.ID, e.Envelope.Type)
		}
		if len(e.Fields) != 10 || e.Fields["RepoName"] != "mix-vuls" || e.Parts != nil || e.Odd != "" {
			t.Errorf("event = %+v", e)
		}
	}
}

func TestReadBinary(t *testing.T) {
	e := one(t, request("Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "acs.cr", "Ce-Type", "cr:Artifact:BuildCompleted", "Content-Type", "application/json"), data).Native.(*Event)
	if e.Envelope.ID != "1" || e.Fields["BuildStatus"] != "SUCCESS" {
		t.Errorf("event = %+v", e)
	}
}

// A rule's target posts what its maker wants: all of it, a part, or a text.
func TestAnyJSONIsTaken(t *testing.T) {
	tests := []struct {
		name, body string
		fields     int
		odd        string
	}{
		{"bare data", data, 10, ""},
		{"an envelope without specversion and source", `{"type":"cr:Artifact:BuildCompleted","data":{"Tag":"v1"}}`, 1, ""},
		{"an envelope with data only", `{"data":{"Tag":"v1"}}`, 1, ""},
		{"an envelope without data", `{"specversion":"1.0","type":"cr:Artifact:BuildCompleted"}`, 0, ""},
		{"data that is a text", `{"specversion":"1.0","type":"cr:Artifact:BuildCompleted","data":"built"}`, 0, "a string"},
		{"data that is a list", `{"specversion":"1.0","type":"cr:Artifact:BuildCompleted","data":[1]}`, 0, "a list"},
		{"data that is no JSON", `{"specversion":"1.0","type":"cr:x","datacontenttype":"text/plain","data_base64":"YnVpbHQ="}`, 0, "no JSON"},
		{"one value", `"mix-vuls"`, 0, "a string"},
		{"a number", `7`, 0, "a number"},
		{"null", `null`, 0, "null"},
		{"a template's", `{"text":"mix-vuls is built","n":1,"b":true,"o":{"k":"v"},"l":[]}`, 2, ""},
		{"nothing", `{}`, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := one(t, request(), tt.body).Native.(*Event)
			if len(e.Fields) != tt.fields || e.Odd != tt.odd {
				t.Errorf("event = %+v, want %d fields and odd %q", e, tt.fields, tt.odd)
			}
		})
	}
}

func TestBareDataIsNamedByPathThenHeader(t *testing.T) {
	r := request(Header, "SigningCompleted")
	if e := one(t, r, data).Native.(*Event); e.NamedBy != "SigningCompleted" {
		t.Errorf("named %q by the header", e.NamedBy)
	}
	r.SetPathValue("event", "ScanCompleted")
	if e := one(t, r, data).Native.(*Event); e.NamedBy != "ScanCompleted" {
		t.Errorf("named %q by path and header", e.NamedBy)
	}
	r.SetPathValue("event", "\xff"+strings.Repeat("x", 1000))
	if e := one(t, r, data).Native.(*Event); e.NamedBy != "\uFFFD"+strings.Repeat("x", maxName-1) {
		t.Errorf("named %q by a long path that is not UTF-8", e.NamedBy)
	}
}

func TestReadBatch(t *testing.T) {
	got, err := Adapter{}.Read(request(), []byte(`[`+build+` , {"specversion":"1.0","source":"acs.oss","type":"oss:x"}]`))
	if err != nil || len(got) != 2 {
		t.Fatalf("Read() = %v, %v, want two", got, err)
	}
	if e := got[0].Native.(*Event); e.Fields["Tag"] != "mix-vuls" || string(got[0].Raw) != build {
		t.Errorf("first = %+v of %s", e, got[0].Raw)
	}
	if want := (adapters.Stray{Of: adapters.CloudEvents, Type: "oss:x"}); got[1].Native != want {
		t.Errorf("second = %+v, want %+v", got[1].Native, want)
	}
}

// EventBridge lets people choose the source of their own events, and templates drop it.
func TestTypeMakesItACRs(t *testing.T) {
	for _, body := range []string{
		`{"specversion":"1.0","type":"x","data":{}}`,
		`{"specversion":"1.0","source":"mine","type":"cr:Artifact:BuildCompleted","data":{}}`,
	} {
		if _, ok := one(t, request(), body).Native.(*Event); !ok {
			t.Errorf("%s is a stray", body)
		}
	}
}

func TestReadUnreadable(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"empty", "", "the body is empty"},
		{"a template's text", "mix-vuls is built", "not JSON: invalid character 'm' at start of value at byte 0"},
		{"the manual's own example", strings.TrimSuffix(build, "}"), fmt.Sprintf("not JSON: it ends at byte %d, in the middle of a value", len(build)-1)},
		{"a list of texts", `["a"]`, "the batch holds something else than an object at /0"},
		{"type an object", `{"specversion":"1.0","type":{}}`, `"/type" is an object or a list, want a string`},
		{"tag twice", `{"data":{"Tag":"a","tag":"b"}}`, `keys "Tag" and "tag" differ in case only, in "/data"`},
		{"too many", `[{}` + strings.Repeat(`,{}`, adapters.MaxBody/adapters.EventSize) + `]`, `16385 or more events in one body, want at most 16384`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(request(), []byte(tt.body))
			var unreadable *adapters.Unreadable
			if !errors.As(err, &unreadable) {
				t.Fatalf("Read() = %v, %v, want an Unreadable", got, err)
			}
			if unreadable.Reason != tt.reason {
				t.Errorf("reason\n got %s\nwant %s", unreadable.Reason, tt.reason)
			}
		})
	}
}

func TestReadLarge(t *testing.T) {
	long := strings.Repeat("x", adapters.LargeBody)
	e := one(t, request(), `{"specversion":"1.0","id":"1","type":"cr:Artifact:ScanCompleted","data":{"RepoName":"b","Report":"`+long+`","Chain":{"ChainId":"c","Log":"`+long+`"}}}`).Native.(*Event)
	if len(e.Fields) != 1 || e.Fields["RepoName"] != "b" || len(e.Parts["Chain"]) != 1 {
		t.Errorf("kept %d fields, want the short one", len(e.Fields))
	}
}

func FuzzRead(f *testing.F) {
	f.Add("", []byte(build))
	f.Add("ScanCompleted", []byte(data))
	f.Add("\xff", []byte(`[{"type":null,"data":{"a":{"b":[]}}},{"data_base64":"eA=="}]`))
	f.Add("", []byte(`"x"`))
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		r := request()
		r.SetPathValue("event", path)
		adaptertest.Read(t, Adapter{}, r, body)
	})
}
