package binding

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

// What the host renders comes out as it was before it was put into headers.
func TestOf(t *testing.T) {
	e := event.Sample(event.ArtifactPushed)
	e.Repository.FullName = "prod/äpi 100%"
	stored, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	d := plugin.Delivery{ID: "d1", Event: stored}
	want := Message{ID: "d1", Key: e.Repository.FullName, Time: e.Time, Body: stored, ContentType: "application/json"}
	check := func(what string) {
		t.Helper()
		got, err := Of(d)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	check("the event itself")

	var message dialect.Message
	for _, dialect := range dialect.All() {
		if dialect.Name == Format {
			if message, err = dialect.Write(stored); err != nil {
				t.Fatal(err)
			}
		}
	}
	if message.Headers == nil {
		t.Fatalf("there is no format %s", Format)
	}
	d.Headers = map[string]string{"X-Other": "50%"}
	for name, value := range message.Headers {
		d.Headers[name] = value
	}
	source, err := Of(plugin.Delivery{Event: stored, Headers: map[string]string{"Ce-Source": message.Headers["Ce-Source"], "Ce-Subject": message.Headers["Ce-Subject"]}})
	if err != nil {
		t.Fatal(err)
	}
	want.Headers = map[string]string{"X-Other": "50%"}
	want.Attributes = map[string]string{
		"specversion": "1.0", "id": e.ID, "type": "bellbuoy.artifact.pushed", "time": message.Headers["Ce-Time"],
		"source": source.Attributes["source"], "subject": source.Attributes["subject"],
	}
	check("in binary form")
	if got := want.Attributes["subject"]; len(got) < len(e.Repository.FullName) || got[:len(e.Repository.FullName)] != e.Repository.FullName {
		t.Errorf("the subject is %q", got)
	}

	d.Headers = map[string]string{"Ce-Id": "%zz"}
	if _, err := Of(d); err == nil {
		t.Error("an attribute that is not escaped as it must be is taken")
	}
}
