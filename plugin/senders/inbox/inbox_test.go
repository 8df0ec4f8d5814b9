package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/hostile"
)

func TestCheckReportsAllFaultsAtOnce(t *testing.T) {
	s := New("test")
	for raw, want := range map[string][]plugin.Fault{
		`{"name":"alice"}`:                            nil,
		`{"kind":"team","name":"平台 & friends"}`:       nil,
		`{"kind":"organization","name":"acme/é"}`:     nil,
		`{"kind":null,"name":"x"}`:                    nil,
		`{"name":"` + strings.Repeat("x", 200) + `"}`: nil,

		``:               {{Message: "the options of an inbox are an object; write at least {kind: user, name: alice}"}},
		`{}`:             {{Path: "name", Message: "is missing; give the name of the user, team or organization"}},
		`{"kind":"org"}`: {{Path: "kind", Message: "is none of user, team and organization; choose one, or leave it out for user"}, {Path: "name", Message: "is missing; give the name of the user, team or organization"}},
		`{"name":" "}`:   {{Path: "name", Message: "is empty; give it a value, or remove it"}},
		`{"name":"a\nb","nam":1}`: {{Path: "nam", Message: `unknown option "nam"; did you mean "name"?`},
			{Path: "name", Message: "holds a line break or another control character; remove it"}},
		`{"name":"` + strings.Repeat("x", 201) + `"}`: {{Path: "name", Message: "is longer than 200 bytes, or no text; shorten it"}},
	} {
		got, err := s.Check(t.Context(), plugin.Check{Options: json.RawMessage(raw)})
		if raw == `` {
			got, err = s.Check(t.Context(), plugin.Check{Options: json.RawMessage{}})
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", raw, err, diff)
		}
	}
	sample := json.RawMessage(`{"type":"artifact.pushed"}`)
	faults, err := s.Check(t.Context(), plugin.Check{Template: "{{.tpye}}", Title: "{{fail}}", Samples: []json.RawMessage{sample}})
	if err != nil || len(faults) != 2 || faults[0].Part != plugin.PartTemplate || faults[1].Part != plugin.PartTitle {
		t.Errorf("%+v, %v", faults, err)
	}
}

// delivery is one of an event, with what change makes of it.
func delivery(t *testing.T, e event.Event, change func(*plugin.Delivery)) plugin.Delivery {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	d := plugin.Delivery{ID: "d1", Attempt: 1, Target: "bell", Type: Type, Options: json.RawMessage(`{"kind":"team","name":"platform"}`), Event: b}
	if change != nil {
		change(&d)
	}
	return d
}

func pushed(repository, tag string) event.Event {
	return event.Event{V: 1, ID: "e1", Type: event.ArtifactPushed, Registry: event.Registry{Name: "hub"},
		Repository: &event.Repository{FullName: repository, URL: "https://registry.example.com/prod/api"},
		Artifact:   &event.Artifact{Digest: "sha256:" + strings.Repeat("5f", 32), Tags: []string{tag}}, Actor: &event.Actor{Name: "alice"}}
}

func TestNoticeOfAnEvent(t *testing.T) {
	base := Notice{Kind: "team", Name: "platform", ID: "d1", Event: "e1", Type: event.ArtifactPushed, Target: "bell",
		Level: message.Info, Title: "prod/api:v1 pushed", Link: "https://registry.example.com/prod/api"}
	with := func(change func(*Notice)) Notice {
		n := base
		change(&n)
		return n
	}
	facts := []Fact{{"Digest", "sha256:5f5f5f5f5f5f"}, {"By", "alice"}, {"Registry", "hub"}}
	for _, test := range []struct {
		name   string
		change func(*plugin.Delivery)
		want   Notice
	}{
		{"default", nil, with(func(n *Notice) { n.Facts = facts })},
		{"user by default", func(d *plugin.Delivery) { d.Options = json.RawMessage(`{"name":"bob"}`) },
			with(func(n *Notice) { n.Kind, n.Name, n.Facts = "user", "bob", facts })},
		{"template", func(d *plugin.Delivery) { d.Template = "\n{{.repository.full_name}}\nby {{.actor.name}}\n" },
			with(func(n *Notice) { n.Text = "prod/api\nby alice" })},
		{"title", func(d *plugin.Delivery) { d.Title = "new:\n{{index .artifact.tags 0}}" },
			with(func(n *Notice) { n.Title, n.Facts = "new: v1", facts })},
		{"title of nothing", func(d *plugin.Delivery) { d.Title = "{{.build.id}}" },
			with(func(n *Notice) { n.Facts = facts })},
		{"both", func(d *plugin.Delivery) { d.Title, d.Template = "T", "x" },
			with(func(n *Notice) { n.Title, n.Text = "T", "x" })},
		{"long", func(d *plugin.Delivery) {
			d.Title, d.Template = strings.Repeat("é", 500), strings.Repeat("日", 5000)
		}, with(func(n *Notice) {
			n.Title, n.Text = strings.Repeat("é", 400)+"…", strings.Repeat("日", 4000)+"…"
		})},
		{"made by the host", func(d *plugin.Delivery) { d.Body = []byte("{\"a\":\"\xff\"}\n") },
			with(func(n *Notice) { n.Text = "{\"a\":\"\uFFFD\"}" })},
	} {
		var got Notice
		s := Into("test", func(_ context.Context, n Notice) (bool, error) { got = n; return true, nil })
		d := delivery(t, pushed("prod/api", "v1"), test.change)
		receipt, err := s.Send(t.Context(), d)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", test.name, err, diff)
		}
		shown, err := s.Render(t.Context(), d)
		if diff := cmp.Diff(receipt.Request, shown); diff != "" || err != nil || receipt.Reply != "kept" {
			t.Errorf("%s: %v %q %s", test.name, err, receipt.Reply, diff)
		}
	}
}

// Delivered is kept; what keeps it from being kept may pass; what is wrong with the delivery
// itself may pass where somebody may put it right.
func TestVerdicts(t *testing.T) {
	fine := func(context.Context, Notice) (bool, error) { return true, nil }
	for name, test := range map[string]struct {
		keep   Keep
		change func(*plugin.Delivery)
		want   plugin.Outcome
		scope  plugin.Scope
		reply  string
	}{
		"kept":          {fine, nil, plugin.Delivered, "", "kept"},
		"kept before":   {func(context.Context, Notice) (bool, error) { return false, nil }, nil, plugin.Delivered, "", "it was there already"},
		"database busy": {func(context.Context, Notice) (bool, error) { return false, errors.New("database is locked") }, nil, plugin.Retry, "", ""},
		"no inboxes":    {nil, nil, plugin.Retry, "", ""},
		"bad options":   {fine, func(d *plugin.Delivery) { d.Options = json.RawMessage(`{}`) }, plugin.Retry, plugin.ScopeMisconfigured, ""},
		"no event":      {fine, func(d *plugin.Delivery) { d.Event = json.RawMessage(`{`) }, plugin.PermanentFail, "", ""},
		"bad template":  {fine, func(d *plugin.Delivery) { d.Template = "{{" }, plugin.Retry, "", ""},
		"too large":     {fine, func(d *plugin.Delivery) { d.Title = `{{range 5000}}{{range 3}}{{end}}{{end}}` }, plugin.PermanentFail, "", ""},
	} {
		receipt, err := Into("test", test.keep).Send(t.Context(), delivery(t, pushed("a", "b"), test.change))
		if got := plugin.ReadVerdict(err).Outcome; got != test.want || receipt.Scope != test.scope || receipt.Reply != test.reply {
			t.Errorf("%s: %s %q %q: %v", name, got, receipt.Scope, receipt.Reply, err)
		}
	}
}

// Whatever strangers choose as names, a notice is plain text of one line each, a level that
// there is, and a link to where the event says.
func TestNoticesOfHostileNames(t *testing.T) {
	var got Notice
	s := Into("test", func(_ context.Context, n Notice) (bool, error) { got = n; return true, nil })
	texts := hostile.Texts()
	if len(texts) < 200 {
		t.Fatalf("only %d texts", len(texts))
	}
	for i, text := range texts {
		events := hostile.Events(text.Text)
		for j, e := range events {
			whole := j == len(events)-1 // its addresses too are the stranger's
			if (i+j)%5 > 0 && !whole && e.Type != event.ArtifactPushed {
				continue // each type has its share of the texts
			}
			if _, err := s.Send(t.Context(), delivery(t, e, nil)); err != nil {
				t.Fatalf("%s, %s: %v", text.Name, e.Type, err)
			}
			lines := []string{got.Title, got.Text, got.Link}
			for _, f := range got.Facts {
				lines = append(lines, f.Name, f.Value)
			}
			for _, line := range lines {
				if !utf8.ValidString(line) || len(line) > 4*maxText || strings.ContainsFunc(line, func(r rune) bool {
					return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
				}) {
					t.Errorf("%s, %s: %.200q", text.Name, e.Type, line)
				}
			}
			if u, err := url.Parse(got.Link); got.Title == "" || err != nil || got.Link != "" && u.Scheme != "https" && u.Scheme != "http" ||
				!whole && got.Link != "" && u.Host != "registry.example.com" {
				t.Errorf("%s, %s: title %q, link %.200q, %v", text.Name, e.Type, got.Title, got.Link, err)
			}
			switch got.Level {
			case message.Info, message.Good, message.Warning, message.Bad:
			default:
				t.Errorf("%s has the level %q", e.Type, got.Level)
			}
		}
	}
}

// The samples of the page are what is kept.
func TestSamplesOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/targets/inbox.md")
	if err != nil {
		t.Fatal(err)
	}
	var got Notice
	s := Into("test", func(_ context.Context, n Notice) (bool, error) { got = n; return true, nil })
	total, fixable := 14, 3
	push := pushed("prod/api", "v1.2.3")
	critical := pushed("prod/api", "v1.2.3")
	critical.Type = event.VulnerabilityFound
	critical.Vulnerability = &event.Vulnerability{ID: "CVE-2026-1234", Severity: event.SeverityCritical, Total: &total, Fixable: &fixable,
		Description: "A heap overflow in the parser.", Links: []string{"https://nvd.nist.gov/vuln/detail/CVE-2026-1234"}}
	digest := event.Event{V: 1, ID: "e1", Type: event.Digest, Registry: event.Registry{Name: "bellbuoy"}, Digested: &event.Digested{Count: 49,
		Groups: []event.DigestGroup{{Type: event.ArtifactPushed, Repository: "prod/api", Count: 37}, {Type: event.ArtifactPushed, Repository: "prod/web", Count: 12}}}}
	for _, e := range []event.Event{push, critical, digest} {
		if _, err := s.Send(t.Context(), delivery(t, e, nil)); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s  %s\n", got.Level, got.Title)
		for _, f := range got.Facts {
			fmt.Fprintf(&b, "    %s: %s\n", f.Name, f.Value)
		}
		for _, line := range []string{got.Text, got.Link} {
			if line != "" {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
		if !strings.Contains(string(page), b.String()) {
			t.Errorf("the page lacks\n%s", b.String())
		}
	}
}
