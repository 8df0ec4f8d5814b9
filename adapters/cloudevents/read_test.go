package cloudevents

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
)

// request has the headers that are given as name, value, name, value.
func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in/bus", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func events(t *testing.T, r *http.Request, body string) []*Event {
	t.Helper()
	ns, err := Adapter{}.Read(r, []byte(body))
	if err != nil {
		t.Fatalf("Read(%s) = %v", body, err)
	}
	var list []*Event
	for _, n := range ns {
		e := n.Native.(*Event)
		if n.ID != e.Key() {
			t.Errorf("id = %q, want the key %q", n.ID, e.Key())
		}
		list = append(list, e)
	}
	return list
}

const full = `{"specversion":"1.0","id":"7","source":"/a","type":"t","subject":"s",
	"time":"2026-11-20T23:35:14Z","datacontenttype":"application/json","dataschema":"http://d",
	"data": {"a": [1]} ,"ext":"é","number":7,"flag":true,"gone":null,"nested":{"x":1}}`

func want() *Event {
	return &Event{
		SpecVersion: "1.0", ID: "7", Source: "/a", Type: "t", Subject: "s",
		Time: "2026-11-20T23:35:14Z", At: time.Date(2026, 11, 20, 23, 35, 14, 0, time.UTC),
		DataContentType: "application/json", DataSchema: "http://d",
		Data:       []byte(`{"a": [1]}`),
		Extensions: map[string]string{"ext": "é", "number": "7", "flag": "true", "nested": `{"x":1}`},
	}
}

func TestReadStructured(t *testing.T) {
	for _, ct := range []string{
		"application/cloudevents+json", "application/cloudevents+json; charset=UTF-8", "Application/CloudEvents+JSON",
		"application/cloudevents", "application/json", "text/plain", "",
	} {
		got := events(t, request("Content-Type", ct), full)
		if len(got) != 1 {
			t.Fatalf("%d events with content type %q, want 1", len(got), ct)
		}
		if diff := cmp.Diff(want(), got[0]); diff != "" {
			t.Errorf("content type %q (-want +got)\n%s", ct, diff)
		}
	}
}

func TestReadBatch(t *testing.T) {
	body := " [ " + full + " , {\"specversion\":\"1.0\",\"id\":\"8\"}]"
	for _, ct := range []string{"application/cloudevents-batch+json", "application/cloudevents+json", "application/json"} {
		r := request("Content-Type", ct)
		got := events(t, r, body)
		if diff := cmp.Diff([]*Event{want(), {SpecVersion: "1.0", ID: "8"}}, got); diff != "" {
			t.Errorf("content type %q (-want +got)\n%s", ct, diff)
		}
		ns, err := Adapter{}.Read(r, []byte(body))
		if err != nil || string(ns[0].Raw) != full || string(ns[1].Raw) != `{"specversion":"1.0","id":"8"}` {
			t.Errorf("raw = %s and %s", ns[0].Raw, ns[1].Raw)
		}
		if got := events(t, r, `[]`); len(got) != 0 {
			t.Errorf("%d events in an empty batch", len(got))
		}
	}
	if got := events(t, request("Content-Type", "application/cloudevents-batch+json"), full); len(got) != 1 {
		t.Errorf("%d events in a batch that is none, want its event", len(got))
	}
}

func TestReadBinary(t *testing.T) {
	headers := []string{
		"ce-specversion", "1.0", "ce-id", "7", "ce-source", "/a", "CE-Type", "t", "ce-subject", "s",
		"ce-time", "2026-11-20T23:35:14Z", "content-type", "application/json", "ce-dataschema", "http://d",
		"ce-ext", "%C3%A9", "ce-number", "7", "ce-flag", "true", "ce-nested", `"{\"x\":1}"`, "x-other", "1",
	}
	got := events(t, request(headers...), `{"a": [1]}`)
	if diff := cmp.Diff([]*Event{want()}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	tests := []struct {
		name, contentType, body string
		data, bytes             string
	}{
		{"no body", "", "", "", ""},
		{"JSON without a content type", "", `[1]`, `[1]`, ""},
		{"text without a content type", "", `hello`, "", "hello"},
		{"a JSON type", "application/vnd.x+json; charset=utf-8", `1`, "1", ""},
		{"text", "text/plain", `1`, "", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("ce-specversion", "1.0", "ce-id", "1")
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			e := events(t, r, tt.body)[0]
			if string(e.Data) != tt.data || string(e.Bytes) != tt.bytes || e.DataContentType != tt.contentType {
				t.Errorf("data = %q, bytes = %q, type = %q", e.Data, e.Bytes, e.DataContentType)
			}
		})
	}
}

func TestDecodeHeader(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "": "", `"`: `"`, `""`: "", `"a \"b\" \\"`: `a "b" \`,
		"Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀", "100%": "100%", "%4": "%4", "%zz%41": "%zzA",
		"%2525": "%25", // one round only
	} {
		if got := decodeHeader(in); got != want {
			t.Errorf("decodeHeader(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestReadBase64(t *testing.T) {
	tests := []struct{ name, contentType, data, bytes string }{
		{"JSON", `"application/json"`, `{"a":1}`, ""},
		{"no content type", `null`, `{"a":1}`, ""},
		{"text", `"text/plain"`, "", `{"a":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := events(t, request(), `{"specversion":"1.0","datacontenttype":`+tt.contentType+`,"data_base64":"eyJhIjoxfQ=="}`)[0]
			if string(e.Data) != tt.data || string(e.Bytes) != tt.bytes {
				t.Errorf("data = %q, bytes = %q", e.Data, e.Bytes)
			}
		})
	}
}

// What is missing or odd in an event is for the translator to say.
func TestReadIncomplete(t *testing.T) {
	ce := request("Content-Type", "application/cloudevents+json")
	for body, want := range map[string]*Event{
		`{}`:                                   {},
		`{"specversion":"0.3","data":null}`:    {SpecVersion: "0.3"},
		`{"id":7,"source":null,"data":"x"}`:    {ID: "7", Data: []byte(`"x"`)},
		`{"ID":"7"}`:                           {Extensions: map[string]string{"ID": "7"}},
		`{"time":"yesterday","type":"\u0041"}`: {Time: "yesterday", Type: "A"},
	} {
		if diff := cmp.Diff([]*Event{want}, events(t, ce, body)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", body, diff)
		}
	}
}

func TestReadUnreadable(t *testing.T) {
	ce := request("Content-Type", "application/cloudevents+json")
	bin := func(headers ...string) *http.Request {
		return request(append([]string{"ce-specversion", "1.0", "Content-Type", "application/json"}, headers...)...)
	}
	tests := []struct {
		name   string
		r      *http.Request
		body   string
		reason string
	}{
		{"no JSON", ce, `<x>`, "not JSON: invalid character '<' at start of value at byte 0"},
		{"nothing", ce, ``, "the body is empty"},
		{"a string", ce, `"x"`, "the body is neither an object nor a list, and no header ce-specversion is there: no CloudEvent"},
		{"a list of numbers", ce, `[{"id":"1"},7]`, "the batch holds something else than an object at /1"},
		{"no CloudEvent", request("Content-Type", "application/json"), `{"type":"PUSH_ARTIFACT"}`, `no key "specversion" in the body, and neither a content type nor a header says CloudEvent; see that the registry's type is right`},
		{"one in a list is none", request(), `[{"specversion":"1.0"},{}]`, `no key "specversion" in "/1", and neither a content type nor a header says CloudEvent; see that the registry's type is right`},
		{"another format", request("Content-Type", "application/cloudevents+avro"), `{}`, `content type "application/cloudevents+avro": only the JSON format of CloudEvents is read`},
		{"an object for an id", ce, `{"id":{"a":1}}`, `"/id" is an object or a list, want a string`},
		{"a list for a time in a batch", ce, `[{"time":[]}]`, `"/0/time" is an object or a list, want a string`},
		{"data in two forms", ce, `{"data":1,"data_base64":""}`, `both "data" and "data_base64" are in the body`},
		{"no base64", ce, `{"data_base64":"%"}`, `"data_base64" in the body is not base64: illegal base64 data at input byte 0`},
		{"base64 of no JSON", ce, `{"datacontenttype":"application/json","data_base64":"PHg+"}`, `the data: not JSON: invalid character '<' at start of value at byte 0`},
		{"id twice", ce, `{"id":"1","ID":"2"}`, `keys "id" and "ID" differ in case only, at the top`},
		{"zipped", request("Content-Type", "application/cloudevents+json", "Content-Encoding", "gzip"), `{}`, `content encoding "gzip": send the body without one`},
		{"binary, no JSON", bin(), `<x>`, "the data: not JSON: invalid character '<' at start of value at byte 0"},
		{"binary, zipped", bin("Content-Encoding", "gzip"), `{}`, `content encoding "gzip": send the body without one`},
		{"binary, a header twice", bin("ce-id", "1", "ce-id", "2"), `{}`, "header ce-id is there 2 times"},
		{"binary, no UTF-8", bin("ce-id", "%FF"), `{}`, "header ce-id is not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(tt.r, []byte(tt.body))
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

func TestKey(t *testing.T) {
	tests := []struct{ source, id, want string }{
		{"acs.cr", "45ef", "acs.cr 45ef"},
		{"a b", "c", "a%20b c"},
		{"a", "b c", "a b c"},
		{"a", "", ""},
		{"", "7", " 7"},
	}
	for _, tt := range tests {
		if got := (&Event{Source: tt.source, ID: tt.id}).Key(); got != tt.want {
			t.Errorf("key of source %q and id %q = %q, want %q", tt.source, tt.id, got, tt.want)
		}
	}
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-20T23:35:14Z":                 "2026-11-20T23:35:14Z",
		"2020-11-19T21:04:41+08:00":            "2020-11-19T13:04:41Z",
		"2020-11-19T21:04:41.5+0800":           "2020-11-19T13:04:41.5Z",
		"2020-11-19 21:04:41.25Z":              "2020-11-19T21:04:41.25Z",
		"2020-08-17T16:04:46.149Asia/Shanghai": "2020-08-17T08:04:46.149Z",
		"2020-11-19T21:04:42.179PRC":           "2020-11-19T13:04:42.179Z",
		"2020-11-19 21:04:42 UTC":              "2020-11-19T21:04:42Z",
		"2021-11-15 20:49:40":                  "", // no zone
		"2020-11-19T21:04:42Europe/Paris":      "",
		"1795217669":                           "",
		"":                                     "",
	} {
		got, ok := ParseTime(in)
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("ParseTime(%q) = %v, %t, want %s", in, got, ok, want)
		}
	}
}

func TestReadLarge(t *testing.T) {
	long := strings.Repeat("x", 2*maxExtension)
	body := `{"specversion":"1.0","id":"` + long + `","short":"1","long":"` + long + `","data":"` + strings.Repeat("d", adapters.LargeBody) + `"}`
	e := events(t, request(), body)[0]
	if e.ID != long || e.Extensions["short"] != "1" || e.Extensions["long"] != "" {
		t.Error("want the id and the short extension only")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("", []byte(full))
	f.Add("application/cloudevents-batch+json", []byte("["+full+`,{"specversion":"1.0","data_base64":"eyJhIjoxfQ=="}]`))
	f.Add("application/cloudevents+json", []byte(`{"id":7,"time":"2020-08-17T16:04:46.149Asia/Shanghai","data":null}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got := adaptertest.Read(t, Adapter{}, request("Content-Type", contentType), body)
		for i, n := range got {
			e, ok := n.Native.(*Event)
			if !ok {
				e = new(Event) // it is another's
			}
			if n.ID != e.Key() || e.Data != nil && !json.Valid(e.Data) {
				t.Fatalf("Read(%q): %d is %+v from %q", body, i, e, n.Raw)
			}
		}
	})
}

// A header says anything that HTTP lets through.
func FuzzReadBinary(f *testing.F) {
	f.Add("application/json", `"a \"b\""`, "Euro%20%E2%82%AC", []byte(`{"a":1}`))
	f.Add("", "%", "%ff", []byte("x"))
	f.Fuzz(func(t *testing.T, contentType, id, ext string, body []byte) {
		got := adaptertest.Read(t, Adapter{}, request("ce-specversion", "1.0", "Content-Type", contentType, "ce-id", id, "ce-ext", ext), body)
		if strings.HasPrefix(mediaType(contentType), "application/cloudevents") {
			return // that is another mode
		}
		if got == nil {
			return
		}
		e := got[0].Native.(*Event)
		if len(got) != 1 || !bytes.Equal(got[0].Raw, body) || !utf8.ValidString(e.ID+e.Extensions["ext"]) {
			t.Fatalf("Read() = %+v", e)
		}
		if !bytes.Equal(append(e.Data, e.Bytes...), body) {
			t.Fatalf("data %q and bytes %q of %q", e.Data, e.Bytes, body)
		}
	})
}
