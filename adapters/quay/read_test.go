package quay

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
)

const pushed = `{"repository":"devtable/simple","namespace":"devtable","name":"simple","docker_url":"quay.example.com/devtable/simple",` +
	`"homepage":"https://quay.example.com/repository/devtable/simple","updated_tags":["v1.0"]}`

// request is the one that Quay would make to /in/hub, or below it where path is not
// empty, but for its body, which an adapter is given apart.
func request(path string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	r.Header.Set("Content-Type", "application/json")
	r.SetPathValue("event", path)
	return r
}

// one reads a body that can be read.
func one(t testing.TB, r *http.Request, body string) *Notification {
	t.Helper()
	got, err := Adapter{}.Read(r, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].ID != "" || string(got[0].Raw) != body {
		t.Fatalf("Read() = %+v, want one notification without an id, raw as it came", got)
	}
	return got[0].Native.(*Notification)
}

func TestRead(t *testing.T) {
	n := one(t, request(""), pushed)
	if n.Repository != "devtable/simple" || !slices.Equal(n.UpdatedTags, []string{"v1.0"}) || n.Event != "" || n.NamedBy != "" {
		t.Errorf("notification = %+v", n)
	}
}

func TestEventIsNamedByPathThenHeaderThenBody(t *testing.T) {
	const body = `{"event":"from_body"}`
	tests := []struct {
		name, path, header, body string
		event                    string
		by                       NamedBy
	}{
		{"path", "from_path", "from_header", body, "from_path", ByPath},
		{"header", "", "from_header", body, "from_header", ByHeader},
		{"body", "", "", body, "from_body", ByBody},
		{"nothing", "", "", `{}`, "", ""},
		{"a template's missing key", "", "", `{"event":null}`, "", ""},
		{"a key in another case", "", "", `{"Event":"x"}`, "", ""},
		{"a path that is not UTF-8", "a\xffb", "", body, "a\uFFFDb", ByPath},
		{"a header that is not UTF-8", "", "a\xffb", body, "a\uFFFDb", ByHeader},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(tt.path)
			if tt.header != "" {
				r.Header.Set("x-bellbuoy-event", tt.header)
			}
			if n := one(t, r, tt.body); n.Event != tt.event || n.NamedBy != tt.by {
				t.Errorf("event %q, named by %q; want %q, %q", n.Event, n.NamedBy, tt.event, tt.by)
			}
		})
	}
}

// Templates make null of a key that an event does not have.
func TestNullIsNoKey(t *testing.T) {
	n := one(t, request(""), `{"repository":null,"updated_tags":null,"vulnerability":null,"usage_bytes":null,"is_manual":null,"error_message":null,"trigger_metadata":null,"manual_user":null}`)
	if n.Repository != "" || n.UpdatedTags != nil || n.Vulnerability != nil || n.UsageBytes != nil || n.IsManual != nil || n.ErrorMessage != nil || n.TriggerMetadata != nil {
		t.Errorf("notification = %+v, want nothing in it", n)
	}
}

func TestReadUnreadable(t *testing.T) {
	commented, err := os.ReadFile("testdata/commented.json")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, body, reason string }{
		{"Quay's manual, which has comments", string(commented), `not JSON: invalid character '/' at start of value at byte 138`},
		{"nothing", "", "the body is empty"},
		{"a template that makes a list", `["devtable/simple"]`, "the body is a list, want an object: let the POST template make one, or have none"},
		{"a template that makes a string", `"devtable/simple"`, "the body is a string, want an object: let the POST template make one, or have none"},
		{"two bodies", pushed + pushed, "more data behind the JSON value, from byte 208 on"},
		{"a key twice", `{"updated_tags":["a"],"updated_tags":["b"]}`, `key "updated_tags" is there twice, at the top`},
		{"a key in two cases", `{"repository":"a/b","REPOSITORY":"c/d"}`, `keys "repository" and "REPOSITORY" differ in case only, at the top`},
		{"tags as text", `{"updated_tags":"v1"}`, `wrong value at "/updated_tags": a string where a list belongs`},
		{"tag as number", `{"updated_tags":["a",1.0]}`, `wrong value at "/updated_tags/1": a number where a string belongs`},
		{"event as number", `{"event":7}`, `wrong value at "/event": a number where a string belongs`},
		{"metadata as list", `{"trigger_metadata":[]}`, `wrong value at "/trigger_metadata": a list where an object belongs`},
		{"bytes as text", `{"usage_bytes":"1 GB"}`, `wrong value at "/usage_bytes": a string where a number belongs`},
		{"percent as text", `{"usage_percent":"80"}`, `wrong value at "/usage_percent": a string where a number belongs`},
		{"fix as text", `{"vulnerability":{"has_fix":"yes"}}`, `wrong value at "/vulnerability/has_fix": a string where true or false belongs`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(request("repo_push"), []byte(tt.body))
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
	long, tag := strings.Repeat("m", 2*maxString), strings.Repeat("t", 2*maxString)
	many := `["a"` + strings.Repeat(`,"b"`, 3*MaxList) + `]`
	body := `{"repository":"a/b","message":"` + strings.Repeat("m", adapters.LargeBody) + `","error_message":"` + long +
		`","build_name":"` + long + `","docker_tags":` + many + `,"updated_tags":["` + tag + `","x"],"vulnerability":{"id":"CVE-1","description":"` + long +
		`","link":"https://x"},"vulnerabilities":[{"id":"CVE-2","link":"` + long + `"}],"trigger_metadata":{"commit_info":{"message":"` + long + `"}}}`
	n := one(t, request("repo_push"), body)
	if n.Message != "" || *n.ErrorMessage != "" || n.BuildName != "" || n.Vulnerability.Description != "" || n.Vulnerabilities[0].Link != "" || n.TriggerMetadata.CommitInfo.Message != "" {
		t.Error("kept a long text")
	}
	if len(n.DockerTags) != MaxList {
		t.Errorf("kept %d tags of a build, want %d", len(n.DockerTags), MaxList)
	}
	if n.Repository != "a/b" || !slices.Equal(n.UpdatedTags, []string{tag, "x"}) || n.Vulnerability.ID != "CVE-1" || n.Vulnerability.Link != "https://x" {
		t.Error("dropped what tells what happened")
	}
}

// A name that is too long must not become one that Quay has, nor none at all.
func TestLongNameOfEventStaysOne(t *testing.T) {
	name := "build_start" + strings.Repeat(" ", adapters.LargeBody)
	if n := one(t, request(""), `{"event":"`+name+`"}`); n.Event != name[:maxString] {
		t.Errorf("event has %d bytes, want its first %d", len(n.Event), maxString)
	}
}

// Each tag of a push becomes an event, so that a small body could fill the disk.
func TestReadBomb(t *testing.T) {
	tests := []struct{ name, body string }{
		{"tags", `{"repository":"a/b","updated_tags":["x"` + strings.Repeat(`,"x"`, 20_000) + `]}`},
		{"tags of a long repository", `{"repository":"` + strings.Repeat("r", 100_000) + `","updated_tags":["x"` + strings.Repeat(`,"x"`, 1000) + `]}`},
		{"vulnerabilities with long tags", `{"tags":["` + strings.Repeat("t", 100_000) + `"],"vulnerabilities":[{}` + strings.Repeat(`,{}`, 1000) + `]}`},
		{"vulnerabilities times digests", `{"tags":[""` + strings.Repeat(`,"a:"`, 1000) + `],"vulnerabilities":[{}` + strings.Repeat(`,{}`, 1000) + `]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(request(""), []byte(tt.body))
			var unreadable *adapters.Unreadable
			if !errors.As(err, &unreadable) || !strings.HasPrefix(unreadable.Reason, "it would become up to ") {
				t.Errorf("Read() = %d notifications, %v, want none for their size", len(got), err)
			}
		})
	}
	// What Quay's old protocol does when an image with all its tags is pushed.
	n := one(t, request(""), `{"repository":"a/b","updated_tags":["x"`+strings.Repeat(`,"0123456789"`, 5000)+`]}`)
	if len(n.UpdatedTags) != 5001 {
		t.Errorf("read %d tags of 5001", len(n.UpdatedTags))
	}
}

func FuzzRead(f *testing.F) {
	f.Add("", []byte(pushed))
	f.Add("build_start", []byte(`{"event":"x","trigger_metadata":{"commit_info":{"date":1795217224.0}},"is_manual":null}`))
	f.Add("\xff", []byte(`{"vulnerabilities":[{},null],"vulnerable_index_report_created":"true","usage_bytes":1e3}`))
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		adaptertest.Read(t, Adapter{}, request(path), body)
	})
}
