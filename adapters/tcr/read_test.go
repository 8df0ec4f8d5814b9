package tcr

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
)

// push is the body in TCR's manual.
const push = `{"type":"pushImage","occur_at":1589106605,"event_data":{"resources":[{"digest":"sha256:89a42c3ba15f09a3fbe39856bddacdf9e94cd03df7403cad4fc105xxxx268fc9","tag":"v1.10.0","resource_url":"xxx-bj.tencentcloudcr.com/public/nginx:v1.10.0"}],"repository":{"date_created":1587119137,"name":"nginx","namespace":"public","repo_full_name":"public/nginx","repo_type":"public"}},"operator":"332133xxxx"}`

func request() *http.Request { return httptest.NewRequest(http.MethodPost, "/in/hub", nil) }

// one reads a body that holds one notification.
func one(t testing.TB, body string) adapters.Notification {
	t.Helper()
	got, err := Adapter{}.Read(request(), []byte(body))
	if err != nil || len(got) != 1 {
		t.Fatalf("Read() = %d notifications, %v, want one", len(got), err)
	}
	return got[0]
}

func TestRead(t *testing.T) {
	n := one(t, push)
	e := n.Native.(*Event)
	if e.Type != "pushImage" || e.OccurAt != 1589106605 || e.Operator != "332133xxxx" || e.Data.Repository.FullName != "public/nginx" || e.Data.Resources[0].Tag != "v1.10.0" {
		t.Errorf("event = %+v", e)
	}
	if n.ID != "" || string(n.Raw) != push {
		t.Errorf("id = %q, raw = %s, want none and the body", n.ID, n.Raw)
	}
}

func TestEmptyBodyIsATestOfTheEndpoint(t *testing.T) {
	for _, body := range []string{"", "\n", " \r\n\t"} {
		if got, err := (Adapter{}).Read(request(), []byte(body)); err != nil || len(got) != 0 {
			t.Errorf("Read(%q) = %v, %v, want nothing", body, got, err)
		}
	}
}

func TestOrderOfKeysDiffersByVersion(t *testing.T) {
	old := one(t, `{"type":"pushImage","occur_at":1,"event_data":{"repository":{"repo_full_name":"a/b"}},"operator":"admin"}`)
	later := one(t, `{"type":"pushImage","occur_at":1,"operator":"admin","event_data":{"repository":{"repo_full_name":"a/b"}}}`)
	for _, n := range []adapters.Notification{old, later} {
		if e := n.Native.(*Event); e.Operator != "admin" || e.Data.Repository.FullName != "a/b" {
			t.Errorf("event = %+v", e)
		}
	}
}

func TestScanOverviewHasTwoForms(t *testing.T) {
	const head = `{"type":"scanningCompleted","event_data":{"resources":[{"scan_overview":`
	old := one(t, head+`{"image_digest":"sha256:1","scan_status":"finished","severity":5,"components":{"total":1}}}]}}`).Native.(*Event).Data.Resources[0].Scan
	if r := old[""]; len(old) != 1 || r.Severity != "High" || r.Status != "finished" || r.ImageDigest != "sha256:1" {
		t.Errorf("1.9's = %+v", old)
	}
	later := one(t, head+`{"application/x":{"scan_status":"Success","severity":"High"}}}]}}`).Native.(*Event).Data.Resources[0].Scan
	if len(later) != 1 || later["application/x"].Severity != "High" {
		t.Errorf("1.10's = %+v", later)
	}
	if none := one(t, head+`null}]}}`).Native.(*Event).Data.Resources[0].Scan; none != nil {
		t.Errorf("of null = %+v", none)
	}
}

func TestHarbor2IsAStray(t *testing.T) {
	n := one(t, strings.Replace(push, "pushImage", "PUSH_ARTIFACT", 1))
	if want := (adapters.Stray{Of: adapters.Harbor, Type: "PUSH_ARTIFACT"}); n.Native != want {
		t.Errorf("native = %+v, want %+v", n.Native, want)
	}
}

// The keys of custom attributes are data.
func TestCustomAttributesOfAnyCase(t *testing.T) {
	one(t, `{"type":"projectQuota","event_data":{"custom_attributes":{"Details":"1","details":"2"}}}`)
}

func TestReadUnreadable(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"not JSON", "<html>", "not JSON: invalid character '<' at start of value at byte 0"},
		{"a list", `[]`, `the body is a list, want an object with "type" and "event_data"`},
		{"a string", `"pushImage"`, `the body is a string, want an object with "type" and "event_data"`},
		{"type twice", `{"type":"pushImage","Type":"deleteImage"}`, `keys "type" and "Type" differ in case only, at the top`},
		{"time as text", `{"type":"pushImage","occur_at":"now"}`, `wrong value at "/occur_at": a string where a number belongs`},
		{"resource a string", `{"type":"pushImage","event_data":{"resources":["v1"]}}`, `wrong value at "/event_data/resources/0": a string where an object belongs`},
		{"tag a number", `{"type":"pushImage","event_data":{"resources":[{"tag":1}]}}`, `wrong value at "/event_data/resources/0/tag": a number where a string belongs`},
		{"scan a string", `{"type":"x","event_data":{"resources":[{"scan_overview":"y"}]}}`, `wrong value at "/event_data/resources/0/scan_overview": a string where an object belongs`},
		{"severity a string", `{"type":"x","event_data":{"resources":[{"scan_overview":{"scan_status":"finished","severity":"High"}}]}}`, `wrong value at "/event_data/resources/0/scan_overview/severity": a string where a number belongs`},
		{"attribute a number", `{"type":"x","event_data":{"custom_attributes":{"Details":1}}}`, `wrong value at "/event_data/custom_attributes/Details": a number where a string belongs`},
		{"too many", `{"type":"deleteImage","event_data":{"resources":[{}` + strings.Repeat(`,{}`, 20_000) + `]}}`, `20001 or more resources in one body, want at most 16209`},
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
	e := one(t, `{"type":"deleteImage","event_data":{"resources":[{"tag":"v1","digest":"sha256:1","resource_url":"`+long+`"},{"tag":"v2"}],"repository":{"repo_full_name":"a/b"},"custom_attributes":{"Details":"`+long+`"}}}`).Native.(*Event)
	if e.Data.Resources[0].URL != "" || len(e.Data.Custom) != 0 {
		t.Error("kept a long text")
	}
	if r := e.Data.Resources; len(r) != 2 || r[0].Tag != "v1" || r[0].Digest != "sha256:1" || e.Data.Repository.FullName != "a/b" {
		t.Errorf("event = %+v, want what tells what happened", e)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(push))
	f.Add([]byte(" "))
	f.Add([]byte(`{"type":"x","event_data":{"resources":[null,{"scan_overview":{"scan_status":null,"a/b":null}}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		adaptertest.Read(t, Adapter{}, request(), body)
	})
}
