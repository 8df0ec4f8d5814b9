package chat

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// parrot is a medium that tells what it was told to tell.
type parrot struct {
	url *url.URL
}

type said struct{ Title, Heading, Body, Text string }

func newParrot(limit int) *Sender[parrot] {
	return New("1.2.3", Medium[parrot]{
		Type: "parrot",
		Options: options.Table[parrot]{Of: "a parrot", Example: "{url: ...}", Fields: []options.Field[parrot]{{
			Name: "url", Missing: "give it", Into: func(p *parrot) options.Value { return options.URL(&p.url) },
		}}},
		Escape: func(s string) string { return "‹" + s + "›" },
		Payload: func(_ *parrot, m Message) any {
			return said{m.Title, m.Heading, m.Body, m.Text}
		},
		Limit:   limit,
		Request: func(p *parrot, _ time.Time) post.Request { return post.Request{URL: p.url} },
		Judge:   post.ByStatus,
	})
}

func pushed() plugin.Delivery {
	return plugin.Delivery{
		ID: "0192-d1", Target: "ops", Options: json.RawMessage(`{"url":"https://chat.example.com"}`),
		Event: json.RawMessage(`{"v":1,"type":"artifact.pushed","repository":{"full_name":"prod/api"},"artifact":{"tags":["v1"]},"actor":{"name":"@all\n<b>"}}`),
	}
}

// The operator's text stands in the place of all that would be told, under a title where
// there is one; a title is plain text, whose values the medium escapes with all of it.
func TestTemplates(t *testing.T) {
	for _, c := range []struct {
		template, title string
		want            said
	}{
		{"", "", said{"prod/api:v1 pushed", "prod/api:v1 pushed", "", ""}},
		{"", "{{.type}}\n by {{.actor.name}}", said{"artifact.pushed by ＠all <b>", "artifact.pushed by ＠all <b>", "", ""}},
		{"<b>{{.actor.name}}</b>\n", "", said{"prod/api:v1 pushed", "", "<b>‹＠all <b>›</b>", ""}},
		{"@here {{.type}}", "T", said{"T", "T", "@here ‹artifact.pushed›", ""}},
		{"{{if .build}}x{{end}} \n", "{{.build.id}}", said{"prod/api:v1 pushed", "prod/api:v1 pushed", "", ""}},
	} {
		d := pushed()
		d.Template, d.Title = c.template, c.title
		r, err := newParrot(0).Render(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		var got said
		if err := json.Unmarshal([]byte(r.Body), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q, %q:\n%s", c.template, c.title, diff)
		}
		if r.Headers["Content-Type"] != "application/json; charset=utf-8" || r.Headers["User-Agent"] != "bellbuoy/1.2.3" {
			t.Errorf("headers: %v", r.Headers)
		}
	}
}

// What the host made for programs is told as it is, as text.
func TestMessageOfTheHost(t *testing.T) {
	d := pushed()
	d.Body, d.ContentType = []byte("{\"text\": \"@all\",\n \"x\": \"\xff"+strings.Repeat("y", 10_000)), "application/json"
	r, err := newParrot(0).Render(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	var got said
	if err := json.Unmarshal([]byte(r.Body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Heading != "prod/api:v1 pushed" || got.Body != "" || !strings.HasPrefix(got.Text, "{\"text\": \"＠all\",  \"x\": \"\uFFFDyyy") || len(got.Text) > 4100 {
		t.Errorf("%+v", got)
	}
}

func TestMessagesThatCannotBeMade(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*plugin.Delivery)
		outcome plugin.Outcome
		scope   plugin.Scope
		err     string
	}{
		"options":         {func(d *plugin.Delivery) { d.Options = json.RawMessage(`{}`) }, plugin.Retry, plugin.ScopeMisconfigured, "read the options of target ops: url is missing; give it"},
		"event":           {func(d *plugin.Delivery) { d.Event = json.RawMessage(`{"v":"x"}`) }, plugin.PermanentFail, "", "decode event of delivery 0192-d1: "},
		"template":        {func(d *plugin.Delivery) { d.Template = "{{.tpye}}" }, plugin.Retry, "", "read the template of the message to target ops: line 1: "},
		"title":           {func(d *plugin.Delivery) { d.Title = "{{" }, plugin.Retry, "", "read the title of the message to target ops: line 1: "},
		"template's work": {func(d *plugin.Delivery) { d.Template = "{{len .v}}" }, plugin.PermanentFail, "", "fill in the template of the message to target ops: line 1:"},
		"title's work":    {func(d *plugin.Delivery) { d.Title = "{{len .v}}" }, plugin.PermanentFail, "", "fill in the title of the message to target ops: line 1:"},
	} {
		d := pushed()
		c.change(&d)
		receipt, err := newParrot(0).Send(t.Context(), d)
		if err == nil || plugin.ReadVerdict(err).Outcome != c.outcome || receipt.Scope != c.scope || !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%s: %s, scope %q, %v", name, plugin.ReadVerdict(err).Outcome, receipt.Scope, err)
		}
	}
}

func TestCheckFindsAllFaults(t *testing.T) {
	samples := []json.RawMessage{pushed().Event}
	got, err := newParrot(0).Check(t.Context(), plugin.Check{Options: json.RawMessage(`{}`), Template: "{{.artifact.tag}}", Title: "{{len .v}}", Samples: samples})
	if err != nil || len(got) != 3 || got[0].Path != "url" || got[1].Part != plugin.PartTemplate || got[2].Part != plugin.PartTitle {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := newParrot(0).Check(t.Context(), plugin.Check{Template: "{{.type}}", Title: "{{.actor.name}}", Samples: samples}); len(got) > 0 || err != nil {
		t.Errorf("good ones: %+v, %v", got, err)
	}
}

func TestMessageIsWithinTheLimit(t *testing.T) {
	d := pushed()
	d.Template = "{{range .artifact.tags}}{{.}}{{end}} " + strings.Repeat("line \"quoted\"\n", 500)
	r, err := newParrot(1000).Render(t.Context(), d)
	if err != nil || len(r.Body) > 1000 || len(r.Body) < 500 || !strings.Contains(r.Body, `‹v1› line \"quoted\"\n`) || !strings.Contains(r.Body, "…") {
		t.Errorf("%d bytes, %v: %s", len(r.Body), err, r.Body)
	}
}

// What counts is what the medium says counts, and what was cut is closed.
func TestMessageIsWithinTheMediumsSize(t *testing.T) {
	s := newParrot(200)
	s.medium.Size = func(payload any) int { return len(payload.(said).Body) }
	d := pushed()
	d.Template = "<b>" + strings.Repeat("\"quoted\"\n", 500)
	r, err := s.Render(t.Context(), d)
	var got said
	if err != nil || json.Unmarshal([]byte(r.Body), &got) != nil || len(got.Body) > 200 || len(got.Body) < 100 || !strings.HasSuffix(got.Body, "\"quoted\"…</b>") {
		t.Errorf("%d bytes, %v: %s", len(got.Body), err, got.Body)
	}
}

// A target that somebody made through the API reaches nothing of the house, however the
// address is written; one of the file does.
func TestEgressIsTheDeliverys(t *testing.T) {
	s := newParrot(0)
	t.Cleanup(s.CloseIdle)
	for address, faults := range map[string]int{"http://127.0.0.1:9": 1, "http://localhost:9": 0} {
		d := pushed()
		d.Options = json.RawMessage(`{"url":"` + address + `"}`)
		_, err := s.Send(t.Context(), d)
		if err == nil || strings.Contains(err.Error(), "denied") {
			t.Errorf("%s by the file: %v", address, err)
		}
		d.Egress = plugin.Egress{Restricted: true}
		receipt, err := s.Send(t.Context(), d)
		if err == nil || !strings.Contains(err.Error(), "denied") || receipt.Scope != plugin.ScopeMisconfigured {
			t.Errorf("%s by the API: scope %q, %v", address, receipt.Scope, err)
		}
		if got, err := s.Check(t.Context(), plugin.Check{Options: d.Options, Egress: d.Egress}); err != nil || len(got) != faults {
			t.Errorf("%s: %v, %v", address, got, err)
		}
	}
}
