package discord

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// Discord counts code points: what has more bytes, or more units of UTF-16, is not cut.
func TestLimitsCountCodePoints(t *testing.T) {
	long := func(n int) string { return strings.Repeat("😀", n) }
	facts := make([]message.Fact, 30)
	for i := range facts {
		facts[i] = message.Fact{Name: long(maxName), Value: long(maxValue)}
	}
	of := func(m chat.Message) embed { return payload(nil, m).(envelope).Embeds[0] }
	if got := of(chat.Message{Heading: long(256)}); got.Title != long(256) {
		t.Error("a title within the bound was cut")
	}
	if got := of(chat.Message{Heading: long(257)}); got.Title != long(255)+"…" {
		t.Errorf("a title of %d characters", utf8.RuneCountInString(got.Title))
	}
	if got := of(chat.Message{Brief: message.Brief{Facts: facts}}).Fields; len(got) != 25 || got[0].Name != long(256) || got[24].Value != long(1024) {
		t.Errorf("%d fields", len(got))
	}
	if got := of(chat.Message{}); got.Title != "–" {
		t.Errorf("nothing to tell: %+v", got)
	}
}

// A description that is too long ends at a character, and with all closed that it opens.
func TestLongDescriptions(t *testing.T) {
	of := func(template string, body []byte) string {
		d := chattest.Delivery(t, target("https://discord.com"), event.Event{V: 1, Type: event.Test})
		d.Template, d.Body = template, body
		r, err := chattest.New(t, New).Render(t.Context(), d)
		var got envelope
		if err == nil {
			err = json.Unmarshal([]byte(r.Body), &got)
		}
		if err != nil {
			t.Fatal(err)
		}
		return got.Embeds[0].Description
	}
	if got := of(strings.Repeat("😀", 4096), nil); got != strings.Repeat("😀", 4096) {
		t.Errorf("a text within the bound has %d characters", utf8.RuneCountInString(got))
	}
	got := of("**"+strings.Repeat("😀", 8000)+"**", nil)
	if n := utf8.RuneCountInString(got); n > 4096 || n < 2000 || !strings.HasPrefix(got, "**😀") || !strings.HasSuffix(got, "😀…**") {
		t.Errorf("%d characters: %s", n, got)
	}
	got = of("", []byte(strings.Repeat("*", 4000)))
	if n := utf8.RuneCountInString(got); n > 4096 || n < 2000 || strings.Trim(got, `\*…`) != "" || !strings.HasSuffix(got, `\*…`) {
		t.Errorf("%d characters: %s", n, got)
	}
}

// All texts together are bounded too: the source's words are shortened, then facts are left
// out, and the message says so.
func TestAllTogether(t *testing.T) {
	stars := strings.Repeat("*", 300)
	e := event.Event{V: 1, Type: event.BuildFailed, Registry: event.Registry{Name: stars}, Repository: &event.Repository{FullName: stars},
		Artifact: &event.Artifact{Tags: []string{stars, stars}, Digest: "sha256:" + stars}, Actor: &event.Actor{Name: stars},
		Build: &event.Build{Error: strings.Repeat(stars, 4), Tags: []string{stars}, URL: "https://h.example/" + strings.Repeat("x", 1900),
			Trigger: &event.Trigger{User: stars}, Commit: &event.Commit{SHA: stars, Ref: stars, Message: stars, Author: stars}}}
	r, err := chattest.New(t, New).Render(t.Context(), chattest.Delivery(t, target("https://discord.com"), e))
	var got envelope
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := size(got); n > 6000 || n < 4000 || !strings.Contains(got.Embeds[0].Description, "…\n\n[Open](https://h.example/x") {
		t.Errorf("%d characters: %s", n, r.Body)
	}
}

// Names as they are look as they are.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"prod/api:v1.2.3-rc.1+build": "prod/api:v1.2.3-rc.1+build",
		"sha256:5f5f & more":         "sha256:5f5f & more",
		"2026-11-21 07:30:00 UTC":    "2026-11-21 07:30:00 UTC",
		"my_app*":                    `my\_app\*`,
		"a:b:c":                      `a\:b:c`,
		":100: :x:":                  `\:100: \:x:`,
		"<@&1> <#2> <:e:3> <t:4:R>":  `\<@&1\> \<#2\> \<\:e:3\> \<t:4:R\>`,
		"||spoiler||":                `\|\|spoiler\|\|`,
		"-# small":                   `\-# small`,
		">>> quote":                  `\>\>\> quote`,
		"https://x.example":          "https:∕∕x.example",
	} {
		if got := escape(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
