package webhook

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// A template makes a plain text, the same each time, in which no value of the event is
// more than a value; the receipt tells it, since the host does not know it.
func TestTextTemplate(t *testing.T) {
	got := make(chan [2]string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- [2]string{r.Header.Get("Content-Type"), string(body)}
	}))
	defer server.Close()
	s := newSender(t)
	d := to(t, server.URL, nil)
	d.Template = "{{.type}} by {{.actor.name}}\n"
	d.Event = json.RawMessage(`{"type":"artifact.pushed","actor":{"name":"eve\r\nartifact.deleted by \u202emallory"}}`)
	want := [2]string{"text/plain; charset=utf-8", "artifact.pushed by eve  artifact.deleted by \uFFFDmallory\n"}
	for range 2 {
		receipt, err := s.Send(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if sent := <-got; sent != want || receipt.Request.Body != want[1] {
			t.Errorf("sent %q, told %q, want %q", sent, receipt.Request.Body, want)
		}
		r, err := s.Render(t.Context(), d)
		if err != nil || r.Body != want[1] || r.Headers["Content-Type"] != want[0] {
			t.Errorf("rendered %+v, %v", r, err)
		}
	}
}

// A template that cannot be read may be put right; one that fails for an event fails
// for it again.
func TestTemplateFails(t *testing.T) {
	s := newSender(t)
	for template, want := range map[string]struct {
		outcome plugin.Outcome
		text    string
	}{
		"{{.tpye}":    {plugin.Retry, "read the template of the message to target ci: line 1: "},
		"{{len .v}}!": {plugin.PermanentFail, "fill in the template of the message to target ci: line 1:"},
	} {
		d := to(t, "http://127.0.0.1:9", nil)
		d.Template = template
		_, err := s.Send(t.Context(), d)
		if err == nil || plugin.ReadVerdict(err).Outcome != want.outcome || err.Error()[:min(len(err.Error()), len(want.text))] != want.text {
			t.Errorf("%s: %v (%s)", template, err, plugin.ReadVerdict(err).Outcome)
		}
	}
}

func TestCheckOfTemplates(t *testing.T) {
	samples := []json.RawMessage{json.RawMessage(`{"type":"artifact.pushed","v":1}`)}
	got, err := New("1").Check(t.Context(), plugin.Check{Template: "{{.artifact.digests}}", Title: "{{.type}}", Samples: samples})
	want := []plugin.Fault{
		{Part: plugin.PartTemplate, Message: "line 1: .artifact.digests is in no event: there are digest, media_type, artifact_type, kind, tags, tags_complete, size, platforms, url and subject"},
		{Part: plugin.PartTitle, Message: "a webhook's request has no title; remove it"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	got, err = New("1").Check(t.Context(), plugin.Check{Template: "{{len .v}}", Samples: samples})
	if len(got) != 1 || got[0].Part != plugin.PartTemplate || err != nil {
		t.Errorf("a template that fails: %v, %v", got, err)
	}
	if got, err := New("1").Check(t.Context(), plugin.Check{Template: "{{.type}}", Samples: samples}); len(got) > 0 || err != nil {
		t.Errorf("a good template: %v, %v", got, err)
	}
}
