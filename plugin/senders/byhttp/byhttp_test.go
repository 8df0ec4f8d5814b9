package byhttp

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bracketed is a service whose markup is in brackets.
func bracketed(t *testing.T) *sender {
	t.Helper()
	s := New(Type{
		Name: "bracketed", Version: "1.2.3",
		Options: []Option{
			{Name: "url", Doc: "where it is", URL: true},
			{Name: "key", Doc: "the key to it", Secret: true},
			{Name: "room", Doc: "the room", Optional: true},
		},
		Escape: func(s string) string { return strings.NewReplacer("[", "(", "]", ")").Replace(s) },
		Request: func(o Options, m Message) Request {
			return Request{
				Method: http.MethodPut, URL: o["url"] + "?room=" + o["room"], Header: map[string]string{"X-Key": o["key"], "X-Level": string(m.Level)},
				JSON: []string{m.Title, m.Text, m.Link},
			}
		},
	}).(*sender)
	t.Cleanup(s.client.CloseIdle)
	return s
}

const target1 = `{"url":"{server}/in","key":"s3cret-key","room":"builds"}`

func TestContract(t *testing.T) {
	plugintest.Run(t, bracketed(t), plugintest.Target{
		Options: target1, More: []string{`{"url":"{server}","key":"s3cret-key","room":null}`},
		Bad: []string{`{"url":"{server}","key":" "}`, `{"url":"ftp://x","key":"k"}`, `{"url":"{server}","key":"two\nlines"}`},
	})
}

func delivery(t *testing.T, e event.Event) plugin.Delivery {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Delivery{ID: "d1", Attempt: 1, Target: "room", Type: "bracketed", Event: b,
		Options: json.RawMessage(strings.ReplaceAll(target1, "{server}", "http://service.example.com"))}
}

func TestMessage(t *testing.T) {
	e := event.Sample(event.ArtifactPushed)
	e.Repository.FullName, e.Artifact.Tags = "prod/[api]", []string{"v1"}
	d := delivery(t, e)
	got, err := bracketed(t).Render(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	want := plugin.Request{
		Method: "PUT", URL: "http://service.example.com/in?room=***",
		Headers: map[string]string{"X-Key": "***", "X-Level": "info", "Content-Type": "application/json", "User-Agent": "bellbuoy/1.2.3"},
	}
	var said []string
	if err := json.Unmarshal([]byte(got.Body), &said); err != nil {
		t.Fatal(err)
	}
	got.Body = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(said) != 3 || said[0] != "prod/(api):v1 pushed" || !strings.Contains(said[1], "By: alice\n") || said[2] != "https://registry.example.com/prod/api" {
		t.Errorf("said: %q", said)
	}

	d.Template, d.Title = "[b]{{.repository.full_name}}[/b]", "[i]{{.actor.name}}\n!"
	got, err = bracketed(t).Render(t.Context(), d)
	if want := `["[i]alice !","[b]prod/(api)[/b]","https://registry.example.com/prod/api"]`; err != nil || got.Body != want {
		t.Errorf("by templates: %s, %v; want %s", got.Body, err, want)
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	good := delivery(t, event.Sample(event.Test))
	for what, c := range map[string]struct {
		change  func(*plugin.Delivery)
		outcome plugin.Outcome
		err     string
	}{
		"options":          {func(d *plugin.Delivery) { d.Options = json.RawMessage(`{"key":"s3cret-key"}`) }, plugin.Retry, "read the options of target room: url is missing; it is where it is"},
		"host's message":   {func(d *plugin.Delivery) { d.Body = []byte("{}") }, plugin.PermanentFail, "target room takes no format and no JSON template"},
		"event":            {func(d *plugin.Delivery) { d.Event = json.RawMessage(`{"v":"x"}`) }, plugin.PermanentFail, "decode event of delivery d1"},
		"template":         {func(d *plugin.Delivery) { d.Template = "{{" }, plugin.Retry, "read the template of the message to target room: line 1"},
		"title's work":     {func(d *plugin.Delivery) { d.Title = "{{len .v}}" }, plugin.PermanentFail, "fill in the title of the message to target room: line 1"},
		"line in a header": {func(d *plugin.Delivery) { d.Options = json.RawMessage(`{"url":"http://x","key":"a\nb"}`) }, plugin.Retry, "key holds a line break"},
	} {
		d := good
		c.change(&d)
		_, err := bracketed(t).Send(t.Context(), d)
		if v := plugin.ReadVerdict(err); err == nil || v.Outcome != c.outcome || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %s, %v", what, v.Outcome, err)
		}
	}
}
