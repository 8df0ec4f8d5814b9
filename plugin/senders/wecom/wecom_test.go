package wecom

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// The key is the secret; wherever it turns up it is hidden.
func TestSecretsAreHidden(t *testing.T) {
	v := chattest.NewVendor(t)
	v.Answer = chattest.Answer{Status: 200, Body: `{"errcode":93000,"errmsg":"invalid webhook url ` + key + `"}`}
	s := chattest.New(t, New)
	d := chattest.Delivery(t, target(v.URL), event.Event{V: 1, Type: event.Test})
	receipt, err := s.Send(t.Context(), d)
	if v.Last.Path != "/cgi-bin/webhook/send?key="+key || receipt.Request.URL != v.URL+"/cgi-bin/webhook/send?key=***" {
		t.Errorf("sent to %s, shown %s", v.Last.Path, receipt.Request.URL)
	}
	dry, dryErr := s.Render(t.Context(), d)
	v.Close()
	lost, lostErr := s.Send(t.Context(), d)
	if text := fmt.Sprintf("%+v %v %+v %v %+v %v", receipt, err, dry, dryErr, lost, lostErr); strings.Contains(text, key) || dryErr != nil {
		t.Errorf("the key is shown: %s", text)
	}
}

// WeCom refuses a message of more than 4096 bytes, however few characters they are, so
// none is made: what matters least is left out, and it is said so.
func TestMessageIsWithinTheLimit(t *testing.T) {
	options := target("https://qyapi.weixin.qq.com")
	digest := event.Event{V: 1, Type: event.Digest, Digested: &event.Digested{Count: 2000}}
	for i := range 20 {
		digest.Digested.Groups = append(digest.Digested.Groups, event.DigestGroup{Repository: fmt.Sprintf("%s-%d", strings.Repeat("仓库", 80), i), Type: event.ArtifactPushed, Count: 100})
	}
	text := event.Event{V: 1, Type: event.BuildFailed, Build: &event.Build{Error: strings.Repeat("错误", 500), URL: "https://ci.example.com/" + strings.Repeat("x", 1900)}}
	for name, c := range map[string]struct {
		event           event.Event
		template, title string
		want            string
	}{
		"a digest":          {digest, "", "", `Not shown:</font> `},
		"a text and a link": {text, "", "", "错误…\n\n[Open](https://ci.example.com/"},
		"a template":        {text, `<font color="warning">{{.build.error}}{{.build.error}}</font>`, "", "错误…</font>"},
		"a long line":       {text, strings.Repeat("[docs](https://docs.example.com/)", 200), strings.Repeat("题", 500), "…"},
		"a link":            {text, strings.Repeat("x", 4000) + " [docs](https://docs.example.com/" + strings.Repeat("y", 200) + ")", "", "xxx…"},
	} {
		d := chattest.Delivery(t, options, c.event)
		d.Template, d.Title = c.template, c.title
		r, err := New("1").Render(t.Context(), d)
		var n note
		if err != nil || json.Unmarshal([]byte(r.Body), &n) != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := n.Markdown.Content
		if len(got) > 4096 || len(got) < 1500 || !utf8.ValidString(got) || strings.ContainsRune(got, utf8.RuneError) || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d bytes: %s", name, len(got), got)
		}
		if c.template != "" && !strings.HasSuffix(got, c.want) {
			t.Errorf("%s ends in %q", name, got[len(got)-50:])
		}
	}
}

func TestOptions(t *testing.T) {
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"url":"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x"}`: nil,
		`{"url":"http://gateway.example:8080/wecom?key=x&to=ops"}`:         nil,
		`{}`: {{Path: "url", Message: "is missing; give the robot's webhook address, as https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=..."}},
		`{"url":"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="}`: {
			{Path: "url", Message: "has no key; copy the whole webhook address of the robot"}},
		`{"url":7,"secret":"x"}`: {
			{Path: "secret", Message: `unknown option "secret"; there are url`},
			{Path: "url", Message: "is not a text; give the address to send to, as https://host/path"}},
	})
}

func TestDescription(t *testing.T) {
	chattest.Description(t, New, "wecom", plugin.Rate{Sends: 18, Per: time.Minute}, "url")
}
