package console

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

const schemaOfAll = `{"type":"object","required":["url","auth"],"properties":{
	"url":{"type":"string","description":"where to","writeOnly":true},
	"to":{"type":["array","null"],"items":{"type":"string"}},
	"headers":{"type":"object","additionalProperties":{"type":"string"}},
	"tls":{"enum":["starttls","none",null],"default":"starttls"},
	"port":{"type":["integer","null"]},
	"loud":{"type":"boolean"},
	"odd":{"type":"array","items":{"type":"object"}},
	"auth":{"type":"object","required":["user"],"properties":{"user":{"type":"string"},"deep":{"type":["object","null"],"required":["er"],"properties":{"er":{"type":"string"}}}}}
}}`

// What a form shows of options, and is sent back as it was shown, makes the same options.
func TestOptionsThroughAForm(t *testing.T) {
	const values = `{"url":"https://example.com/********","to":["a","b"],"headers":{"X-A":"1: 2","X-B":"<b>"},"tls":"none","port":25,"loud":true,
		"odd":[{"a":1}],"auth":{"user":"u","deep":{"er":" x"}}}`
	list, err := optionsOf([]byte(schemaOfAll), []byte(values))
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	kinds := map[string]string{}
	for _, o := range list {
		form.Set(o.Name(), o.Value)
		kinds[o.Path] = o.Kind
		if want := o.Path == "url" || o.Path == "auth.user"; o.Required != want {
			t.Errorf("%s: required is %v", o.Path, o.Required)
		}
	}
	want := map[string]string{"url": "secret", "to": "lines", "headers": "pairs", "tls": "choice", "port": "number", "loud": "flag", "odd": "json", "auth.user": "text", "auth.deep.er": "text"}
	for path, kind := range want {
		if kinds[path] != kind {
			t.Errorf("%s is %q, want %q", path, kinds[path], kind)
		}
	}
	got, faults := readOptions(list, form)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var a, b any
	if err := json.Unmarshal([]byte(values), &a); err != nil {
		t.Fatal(err)
	}
	a.(map[string]any)["auth"].(map[string]any)["deep"].(map[string]any)["er"] = "x" // blanks around a value are not meant
	if err := json.Unmarshal(got, &b); err != nil {
		t.Fatal(err)
	}
	wantJSON, _ := json.Marshal(a)
	gotJSON, _ := json.Marshal(b)
	if string(gotJSON) != string(wantJSON) {
		t.Errorf("got  %s\nwant %s", gotJSON, wantJSON)
	}
}

func TestOptionsThatCannotBeRead(t *testing.T) {
	list, err := optionsOf([]byte(schemaOfAll), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, faults := readOptions(list, url.Values{"options.port": {"five"}, "options.headers": {"X-A"}, "options.odd": {"{"}, "options.url": {""}, "options.loud": {"maybe"}})
	if len(faults) != 3 || faults["port"] == "" || faults["headers"] == "" || faults["odd"] == "" {
		t.Errorf("faults are %v", faults)
	}
	if string(got) != `{"loud":false}` {
		t.Errorf("options are %s", got)
	}
}

// Every built-in type can be given all of its options in a form, and none is shown as JSON.
func TestOptionsOfEachType(t *testing.T) {
	for typ, make := range senders.Builtin() {
		d, err := make("test").Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list, err := optionsOf(d.Options, nil)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if len(list) == 0 {
			t.Errorf("%s has no options", typ)
		}
		for _, o := range list {
			if o.Kind == "json" || o.Help == "" {
				t.Errorf("%s: %s is of kind %s, and its help is %q", typ, o.Path, o.Kind, o.Help)
			}
		}
	}
}
