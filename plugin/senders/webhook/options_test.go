package webhook

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

func TestCheckReportsAllFaultsAtOnce(t *testing.T) {
	for raw, want := range map[string][]plugin.Fault{
		`{"url":"https://ci.example.com/hook"}`:                                    nil,
		`{"url":"HTTP://u:p@[::1]:8080/x?y=z#f","method":"PUT"}`:                   nil,
		`{"url":"http://h","headers":{"Authorization":"Bearer x","x-y":"a\tb é"}}`: nil,

		``:     {{Message: `the options of a webhook are an object; write at least {url: "https://..."}`}},
		`null`: {{Message: `the options of a webhook are an object; write at least {url: "https://..."}`}},
		`[]`:   {{Message: `the options of a webhook are an object; write at least {url: "https://..."}`}},
		`{}`:   {{Path: "url", Message: "is missing; give the address to send to, as https://host/path"}},
		`{"url":7}`: {
			{Path: "url", Message: "is not a text; give the address to send to, as https://host/path"}},
		`{"url":"ftp://h"}`: {
			{Path: "url", Message: "is neither http nor https; write it as https://host/path"}},
		`{"url":"h/x"}`: {
			{Path: "url", Message: "is neither http nor https; write it as https://host/path"}},
		`{"url":"https:///x"}`: {
			{Path: "url", Message: "names no host; write it as https://host/path"}},
		`{"url":"https:h/x"}`: {
			{Path: "url", Message: "names no host; write it as https://host/path"}},
		`{"url":"https://h/\nsecret"}`: {
			{Path: "url", Message: "is not a URL; write it as https://host/path, with other characters percent-encoded"}},
		`{"url":"https://h:99999"}`: {
			{Path: "url", Message: "has a port that does not exist; it is between 1 and 65535"}},
		`{"url":"http://169.254.169.254/latest"}`: {
			{Path: "url", Message: "names 169.254.169.254, which is link-local or a cloud's metadata service and never a target; name another host"}},
		`{"url":"http://[::ffff:a9fe:a9fe]/"}`: {
			{Path: "url", Message: "names ::ffff:169.254.169.254, which is link-local or a cloud's metadata service and never a target; name another host"}},
		`{"method":"GET","Url":"x","header":{},"zzz":1,"headers":{
			"Host":"h","content-length":"1","TRANSFER-ENCODING":"x","connection":"x","Webhook-Id":"x","webhook-signature":"x",
			"X-A":"a\r\nb","X-B":5,"X-C":null,"bad name":"x","":"x","x-d":"1","X-D":"2"}}`: {
			{Path: "Url", Message: `unknown option "Url"; did you mean "url"?`},
			{Path: "header", Message: `unknown option "header"; did you mean "headers"?`},
			{Path: "zzz", Message: `unknown option "zzz"; there are url, method, headers, secrets, auth, tls, proxy and cloudevents`},
			{Path: "url", Message: "is missing; give the address to send to, as https://host/path"},
			{Path: "method", Message: "is neither POST nor PUT; choose one, or leave it out for POST"},
			{Path: "headers.", Message: "is not a header's name; use letters, digits and dashes"},
			{Path: "headers.Host", Message: "belongs to the connection and cannot be set; remove it"},
			{Path: "headers.TRANSFER-ENCODING", Message: "belongs to the connection and cannot be set; remove it"},
			{Path: "headers.Webhook-Id", Message: "is bellbuoy's own and cannot be set; remove it or choose another name"},
			{Path: "headers.X-A", Message: "holds a line break or another control character; remove it"},
			{Path: "headers.X-B", Message: "is not a text; put its value in quotes"},
			{Path: "headers.X-C", Message: "is not a text; put its value in quotes"},
			{Path: "headers.bad name", Message: "is not a header's name; use letters, digits and dashes"},
			{Path: "headers.connection", Message: "belongs to the connection and cannot be set; remove it"},
			{Path: "headers.content-length", Message: "belongs to the connection and cannot be set; remove it"},
			{Path: "headers.webhook-signature", Message: "is bellbuoy's own and cannot be set; remove it or choose another name"},
			{Path: "headers.x-d", Message: "is there twice, in different spelling; remove one"},
		},
		`{"url":"http://h","headers":["a"]}`: {
			{Path: "headers", Message: "is not a map of names to values; write it as {X-Token: ...}"}},
	} {
		got, err := New("1").Check(t.Context(), plugin.Check{Options: json.RawMessage(raw)})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", raw, err, diff)
		}
	}
}

func TestDescription(t *testing.T) {
	d, err := New("1.2.3").Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(d.Options, &s); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"url", "method", "headers"} {
		if s.Properties[name] == nil {
			t.Errorf("the schema has no %s", name)
		}
	}
	if d.Type != "webhook" || d.Version != "1.2.3" {
		t.Errorf("description: %+v", d)
	}
}
