package shoutrrr

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/hostile"
)

// asked is what a service was asked.
type asked struct{ Line, Token, Body string }

// taking is a server that answers as told, by path, and keeps what it was asked.
func taking(t *testing.T, token string, answers map[string]string) (base string, got *[]asked) {
	got = new([]asked)
	server := httptest.NewServer(takes(token, answers, got))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), got
}

func takes(token string, answers map[string]string, got *[]asked) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		line := r.Method + " " + r.URL.RequestURI()
		*got = append(*got, asked{line, r.Header.Get(token), string(body)})
		answer, ok := answers[line]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, answer)
	}
}

const (
	pushed = "prod/api:v1.2.3 (and latest) pushed"
	link   = "https://hub.example.com/harbor/projects/1/repositories/api"
	facts  = "Tags: v1.2.3, latest\nDigest: sha256:5f5f5f5f5f5f\nKind: image\nBy: alice\nRegistry: hub\nTime: 2026-11-21 07:30:00 UTC"
	inJSON = `Tags: v1.2.3, latest\nDigest: sha256:5f5f5f5f5f5f\nKind: image\nBy: alice\nRegistry: hub\nTime: 2026-11-21 07:30:00 UTC\n\n` + link
)

// Services as their servers are asked and answer.
func TestServices(t *testing.T) {
	for name, c := range map[string]struct {
		url     string // with %s for the server
		token   string // the header that has it
		answers map[string]string
		want    []asked
	}{
		"ntfy": {
			"ntfy://bell:p4ssword@%s/registry?scheme=http", "Authorization",
			map[string]string{"POST /registry": `{"id":"x","event":"message"}`},
			[]asked{{"POST /registry", "Basic YmVsbDpwNHNzd29yZA==", facts + "\n\n" + link}},
		},
		"gotify": {
			"gotify://%s/AbCdEfGhIjKlMnO?disabletls=yes&useheader=yes", "X-Gotify-Key",
			map[string]string{"POST /message": `{"id":1}`},
			[]asked{{"POST /message", "AbCdEfGhIjKlMnO", `{"message":"` + inJSON + `","title":"` + pushed + `","priority":3,"extras":null}`}},
		},
		"mattermost": {
			"mattermost://bell@%s/x1y2z3x1y2z3x1y2z3x1y2z3x1/alerts?disabletls=yes", "None",
			map[string]string{"POST /hooks/x1y2z3x1y2z3x1y2z3x1y2z3x1": "ok"},
			[]asked{{"POST /hooks/x1y2z3x1y2z3x1y2z3x1y2z3x1", "", `{"text":"` + pushed + `\n\n` + inJSON + `","username":"bell","channel":"alerts"}`}},
		},
		"matrix": {
			"matrix://:syt_t0ken@%s/?rooms=%%23registry:example.com&disabletls=yes", "None",
			map[string]string{
				"POST /_matrix/client/r0/join/%23registry:example.com?access_token=syt_t0ken":                 `{"room_id":"!abc:example.com"}`,
				"POST /_matrix/client/r0/rooms/%21abc:example.com/send/m.room.message?access_token=syt_t0ken": `{"event_id":"$e"}`,
			},
			[]asked{
				{"POST /_matrix/client/r0/join/%23registry:example.com?access_token=syt_t0ken", "", "null"},
				{"POST /_matrix/client/r0/rooms/%21abc:example.com/send/m.room.message?access_token=syt_t0ken", "", `{"msgtype":"m.text","body":"` + pushed + `\n\n` + inJSON + `"}`},
			},
		},
		"generic": {
			"generic+http://%s/hook?template=json&messagekey=text&$team=platform&@authorization=Bearer+t0kenOfOurs&a=b", "Authorization",
			map[string]string{"POST /hook?a=b": ""},
			[]asked{{"POST /hook?a=b", "Bearer t0kenOfOurs", `{"team":"platform","text":"` + inJSON + `","title":"` + pushed + `"}`}},
		},
	} {
		base, got := taking(t, c.token, c.answers)
		s := chattest.New(t, New)
		d := chattest.Delivery(t, map[string]any{"url": strings.ReplaceAll(strings.ReplaceAll(c.url, "%s", base), "%%", "%")}, chattest.Told()[0])
		receipt, err := s.Send(t.Context(), d)
		if err != nil || receipt.Status != 200 {
			t.Errorf("%s: %v, %+v", name, err, receipt)
		}
		if diff := cmp.Diff(c.want, *got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Telegram is where it is and nowhere else.
func TestTelegram(t *testing.T) {
	const line = "POST /bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0/sendMessage"
	var got []asked
	host(t, "api.telegram.org", takes("None", map[string]string{line: `{"ok":true,"result":{"message_id":1}}`}, &got))
	s := chattest.New(t, New)
	d := chattest.Delivery(t, map[string]any{"url": samples()["telegram"][0]}, chattest.Told()[0])
	receipt, err := s.Send(t.Context(), d)
	if err != nil || receipt.Request.URL != "https://api.telegram.org/***" {
		t.Errorf("%v, %+v", err, receipt)
	}
	want := []asked{{line, "", `{"text":"\u003cb\u003e` + pushed + `\u003c/b\u003e\n` + inJSON + `","chat_id":"@registry","parse_mode":"HTML","disable_web_page_preview":true,"disable_notification":false,"reply_to_message_id":0}`}}
	got[0].Body = strings.ReplaceAll(strings.ReplaceAll(got[0].Body, "\n", ""), `": `, `":`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A second request that fails fails the message.
func TestMatrixRefusesTheMessage(t *testing.T) {
	const join = "POST /_matrix/client/r0/join/%21abc:example.com?access_token=syt_t0ken"
	base, got := taking(t, "None", map[string]string{join: `{"room_id":"!abc:example.com"}`})
	s := chattest.New(t, New)
	d := chattest.Delivery(t, map[string]any{"url": "matrix://:syt_t0ken@" + base + "/?rooms=!abc:example.com&disabletls=yes"}, chattest.Told()[0])
	receipt, err := s.Send(t.Context(), d)
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.PermanentFail || receipt.Status != 404 || receipt.Scope != plugin.ScopeMisconfigured || len(*got) != 2 {
		t.Errorf("%v, %+v after %d requests", err, receipt, len(*got))
	}
}

// ntfy takes the title in a header, where no name is more than a name.
func TestHostileTitles(t *testing.T) {
	var titles []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header) > 6 || len(r.Header["Title"]) != 1 {
			t.Errorf("the headers are %v", r.Header)
		}
		titles = append(titles, r.Header.Get("Title"))
		_, _ = io.WriteString(w, `{"event":"message"}`)
	}))
	defer server.Close()
	s := chattest.New(t, New)
	options := map[string]any{"url": "ntfy://" + strings.TrimPrefix(server.URL, "http://") + "/registry?scheme=http"}
	texts := hostile.Texts()
	for _, text := range texts {
		e := chattest.Told()[0]
		repository := *e.Repository
		repository.FullName, repository.URL = text.Text, ""
		e.Repository = &repository
		if _, err := s.Send(t.Context(), chattest.Delivery(t, options, e)); err != nil {
			t.Errorf("%s: %v", text.Name, err)
		}
	}
	if len(titles) != len(texts) || !utf8.ValidString(strings.Join(titles, "")) {
		t.Errorf("%d titles of %d", len(titles), len(texts))
	}
}
