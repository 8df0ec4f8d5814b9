package hipchat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func target(base string) map[string]any {
	return map[string]any{"room_id": "42", "notification_token": "t0kent0kent0ken", "base_url": base + "/hipchat/"}
}

func TestAnswers(t *testing.T) {
	in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	const wrong = plugin.ScopeMisconfigured
	chattest.Judge(t, New, target, append([]chattest.Answer{
		{Status: 204, Outcome: plugin.Delivered},
		{Status: 200, Body: "{}", Outcome: plugin.Delivered},
		{Status: 400, Body: `{"error":{"code":400,"message":"Message is too long","type":"Bad Request"}}`, Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 401, Body: `{"error":{"code":401,"message":"Invalid OAuth session","type":"Unauthorized"}}`, Outcome: plugin.PermanentFail, Scope: wrong, Error: "401"},
		{Status: 403, Outcome: plugin.PermanentFail, Scope: wrong, Error: "403"},
		{Status: 404, Body: `{"error":{"code":404,"message":"Room not found","type":"Not Found"}}`, Outcome: plugin.PermanentFail, Scope: wrong, Error: "404"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: plugin.ScopeTargetGone, Error: "410"},
		{Status: 429, Header: map[string]string{"X-FloodControl-Limit": "30", "X-FloodControl-Remaining": "0", "X-FloodControl-Reset": in(4 * time.Minute), "X-Ratelimit-Remaining": "400", "X-Ratelimit-Reset": in(50 * time.Minute)},
			Outcome: plugin.ThrottledTarget, After: 4 * time.Minute, Error: "429"},
		{Status: 429, Header: map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": in(5 * time.Minute)}, Outcome: plugin.ThrottledTarget, After: 5 * time.Minute, Error: "429"},
		{Status: 429, Header: map[string]string{"X-Ratelimit-Reset": in(5 * time.Minute)}, Outcome: plugin.ThrottledTarget, After: 5 * time.Minute, Error: "429"},
		{Status: 429, Header: map[string]string{"X-Ratelimit-Reset": in(5 * time.Minute), "Retry-After": "120"}, Outcome: plugin.ThrottledTarget, After: 2 * time.Minute, Error: "429"},
		{Status: 429, Header: map[string]string{"X-Ratelimit-Reset": in(-5 * time.Minute)}, Outcome: plugin.ThrottledTarget, Error: "429"},
		{Status: 429, Header: map[string]string{"X-Ratelimit-Reset": "soon"}, Outcome: plugin.ThrottledTarget, Error: "429"},
	}, chattest.Byways()...))
}

func TestRequest(t *testing.T) {
	v := chattest.NewVendor(t)
	v.Answer = chattest.Answer{Status: http.StatusForbidden, Body: "t0kent0kent0ken is no token"}
	s := chattest.New(t, New)
	for room, path := range map[string]string{"42": "/hipchat/v2/room/42/notification", "Dev & Ops/1?": "/hipchat/v2/room/Dev%20&%20Ops%2F1%3F/notification"} {
		options := target(v.URL)
		options["room_id"] = room
		receipt, err := s.Send(t.Context(), chattest.Delivery(t, options, event.Event{V: 1, Type: event.TargetFailing, Target: &event.Target{Name: "ci"}}))
		if v.Last.Path != path || v.Last.Header.Get("Authorization") != "Bearer t0kent0kent0ken" {
			t.Errorf("sent to %s with %s", v.Last.Path, v.Last.Header)
		}
		if want := `{"color":"red","message":"<b>target ci is failing</b>","notify":true,"message_format":"html"}`; string(v.Last.Body) != want {
			t.Errorf("sent %s", v.Last.Body)
		}
		if text := fmt.Sprintf("%+v %v", receipt, err); strings.Contains(text, "t0kent0ken") || receipt.Request.Headers["Authorization"] != "***" {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestHostileNames(t *testing.T) {
	const template = "<b>{{.actor.name}}</b> <a href=\"https://own.example/\">x</a>\n{{.repository.full_name}}\n{{join `, ` .artifact.tags}} {{.build.error}}"
	chattest.Hostile(t, New, target("https://chat.example.com"), template, func(m chattest.Made) error {
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var n notification
		if err := dec.Decode(&n); err != nil {
			return err
		}
		if n.Format != "html" || n.Message == "" || utf8.RuneCountInString(n.Message) > 10_000 {
			return fmt.Errorf("a message of %d characters", utf8.RuneCountInString(n.Message))
		}
		return m.HTML(n.Message)
	})
}

func TestOptions(t *testing.T) {
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"room_id":42,"notification_token":"x"}`: {{Path: "base_url", Warning: true,
			Message: "is missing, and HipChat's own service is gone: give the address of the server that has taken its place, or the token goes to whoever has the name now"}},
		`{"room_id":"ops","notification_token":"x","base_url":"https://chat.example.com"}`: nil,
		`{"room":1,"base_url":"x","notification_token":"a\nb"}`: {
			{Path: "room", Message: `unknown option "room"; there are room_id, notification_token and base_url`},
			{Path: "room_id", Message: "is missing; give the room's id or name"},
			{Path: "notification_token", Message: "holds a line break or another control character; remove it"},
			{Path: "base_url", Message: "is neither http nor https; write it as https://host/path"}},
	})
	r, err := New("1").Render(t.Context(), chattest.Delivery(t, map[string]any{"room_id": 42, "notification_token": "x"}, event.Event{V: 1, Type: event.Test}))
	if err != nil || r.URL != "https://api.hipchat.com/v2/room/42/notification" {
		t.Errorf("where no base is given: %s, %v", r.URL, err)
	}
}

func TestDescription(t *testing.T) {
	chattest.Description(t, New, "hipchat", plugin.Rate{Sends: 30, Per: time.Minute}, "notification_token")
}
