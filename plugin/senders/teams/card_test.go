package teams

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// The head stands in the colour of the level: the title, or the operator's text where there
// is none.
func TestLevels(t *testing.T) {
	for level, want := range map[message.Level][2]string{
		message.Bad: {"attention", "Attention"}, message.Warning: {"warning", "Warning"}, message.Good: {"good", "Good"},
		message.Info: {"accent", "Accent"}, "": {"accent", "Accent"},
	} {
		m := chat.Message{Brief: message.Brief{Level: level}, Heading: "T", Body: "text"}
		body := payload(nil, m).(envelope).Attachments[0].Content.Body
		if got := body[0]; got.Style != want[0] || got.Items[0].Inlines[0].Color != want[1] || body[1].Text != "text" {
			t.Errorf("%s: %+v", level, body)
		}
		m.Heading = ""
		body = payload(nil, m).(envelope).Attachments[0].Content.Body
		if got := body[0]; len(body) != 1 || got.Style != want[0] || got.Items[0].Text != "text" || !got.Items[0].Wrap {
			t.Errorf("%s without a title: %+v", level, body)
		}
	}
	if body := payload(nil, chat.Message{}).(envelope).Attachments[0].Content.Body; len(body) != 1 || body[0].Items[0].Inlines[0].Text != "–" {
		t.Errorf("nothing to tell: %+v", body)
	}
}

// Names as they are look as they are in runs; in markdown they do on a desk.
func TestTexts(t *testing.T) {
	for in, want := range map[string][2]string{
		"my_app*":                        {"my_app*", `my\_app\*`},
		"[x](https://evil.example)":      {"[x](https://evil.example)", `\[x\]\(https:∕∕evil.example)`},
		"{{DATE(2026-11-21T00:00:00Z)}}": {"{\u200c{DATE(2026-11-21T00:00:00Z)}}", "{\u200c{DATE(2026-11-21T00:00:00Z)}}"},
		"{{time(x)}} {{.actor}}":         {"{\u200c{time(x)}} {{.actor}}", "{\u200c{time(x)}} {{.actor}}"},
		"<at>Bob</at>":                   {"<at>Bob</at>", "&lt;at&gt;Bob&lt;/at&gt;"},
	} {
		if got := text(run{Text: in}).Inlines[0].Text; got != want[0] {
			t.Errorf("%q is the run %q, want %q", in, got, want[0])
		}
		if got := escape(in); got != want[1] {
			t.Errorf("%q is %q in markdown, want %q", in, got, want[1])
		}
	}
}

// A card is at most 28 KB.
func TestLimit(t *testing.T) {
	d := chattest.Delivery(t, target("https://default0123.45.environment.api.powerplatform.com"), event.Event{V: 1, Type: event.Test})
	d.Title, d.Template = "T", strings.Repeat("a line with \"quotes\"\n\n", 2000)
	r, err := chattest.New(t, New).Render(t.Context(), d)
	var e envelope
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &e)
	}
	if err != nil || len(r.Body) > 28_000 || len(r.Body) < 14_000 {
		t.Fatalf("%d bytes, %v", len(r.Body), err)
	}
	if body := e.Attachments[0].Content.Body; body[0].Items[0].Inlines[0].Text != "T" || !strings.HasSuffix(body[1].Text, "quotes\"…") {
		t.Errorf("%+v", body)
	}
}
