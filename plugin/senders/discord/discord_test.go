package discord

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

const token = "aBcDeFgHiJkLmNoPqRsTuVwXyZ-0123456789_aBcDeFgHiJkLmNoPqRsTuVwXyZ0"

func target(base string) map[string]any {
	return map[string]any{"url": base + "/api/webhooks/1234567890/" + token}
}

func TestAnswers(t *testing.T) {
	const gone, wrong, message = plugin.ScopeTargetGone, plugin.ScopeMisconfigured, plugin.ScopeMessage
	says := func(code int, words string) string { return fmt.Sprintf(`{"message": %q, "code": %d}`, words, code) }
	limited := func(seconds string) string {
		return `{"message": "You are being rate limited.", "retry_after": ` + seconds + `, "global": false}`
	}
	chattest.Judge(t, New, target, append([]chattest.Answer{
		{Status: 200, Body: `{"id":"1300000000000000000","type":0,"content":""}`, Outcome: plugin.Delivered},
		{Status: 204, Outcome: plugin.Delivered},
		{Status: 200, Body: `{"id":"13000000`, Cut: true, Outcome: plugin.Retry, Error: "without a message"},
		{Status: 200, Outcome: plugin.Retry, Error: "without a message"},
		{Status: 200, Body: `{"id":"1","code":"x"}`, Outcome: plugin.Delivered},
		{Status: 200, Body: "null", Outcome: plugin.Retry, Error: "without a message"},
		{Status: 200, Body: "ok", Outcome: plugin.Retry, Error: "without a message"},
		{Status: 200, Body: "<html>Please log in</html>", Outcome: plugin.Retry, Error: "without a message"},

		{Status: 429, Body: limited("64.57"), Header: map[string]string{"Retry-After": "300", "X-RateLimit-Reset-After": "1.5"}, Outcome: plugin.ThrottledTarget, After: 64570 * time.Millisecond, Error: "rate limited"},
		{Status: 429, Body: limited("600"), Header: map[string]string{"X-RateLimit-Global": "true"}, Outcome: plugin.ThrottledTarget, After: 10 * time.Minute, Error: "rate limited"},
		{Status: 429, Body: limited("1e300"), Outcome: plugin.ThrottledTarget, After: 365 * 24 * time.Hour, Error: "rate limited"},
		{Status: 429, Body: limited("0"), Outcome: plugin.ThrottledTarget, Error: "rate limited"},
		{Status: 429, Body: limited("-5"), Outcome: plugin.ThrottledTarget, Error: "rate limited"},
		{Status: 429, Body: limited(`"soon"`), Header: map[string]string{"X-RateLimit-Reset-After": "120.5"}, Outcome: plugin.ThrottledTarget, After: 120500 * time.Millisecond, Error: "rate limited"},
		{Status: 429, Body: "error code: 1015", Header: map[string]string{"Retry-After": "3600"}, Outcome: plugin.ThrottledTarget, After: time.Hour, Error: "429"},
		{Status: 429, Header: map[string]string{"X-RateLimit-Reset-After": "90"}, Outcome: plugin.ThrottledTarget, After: 90 * time.Second, Error: "429"},
		{Status: 429, Header: map[string]string{"X-RateLimit-Reset-After": "NaN"}, Outcome: plugin.ThrottledTarget, Error: "429"},

		{Status: 400, Body: says(50035, "Invalid Form Body"), Outcome: plugin.PermanentFail, Scope: message, Error: "50035"},
		{Status: 400, Body: says(50006, "Cannot send an empty message"), Outcome: plugin.PermanentFail, Scope: message, Error: "50006"},
		{Status: 400, Body: says(200000, "Message was blocked by automatic moderation"), Outcome: plugin.PermanentFail, Scope: message, Error: "rules"},
		{Status: 400, Body: says(240000, "Message blocked by harmful links filter"), Outcome: plugin.PermanentFail, Scope: message, Error: "harmful"},
		{Status: 400, Body: says(220001, "Webhooks posted to forum channels must have a thread_name or thread_id"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "thread_id"},
		{Status: 400, Body: `{"embeds": ["0"]}`, Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 400, Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 401, Body: says(50027, "Invalid Webhook Token"), Outcome: plugin.PermanentFail, Scope: gone, Error: "50027 Invalid Webhook Token"},
		{Status: 401, Body: says(0, "401: Unauthorized"), Outcome: plugin.PermanentFail, Scope: gone, Error: "token"},
		{Status: 403, Body: says(50013, "Missing Permissions"), Outcome: plugin.PermanentFail, Scope: gone, Error: "50013"},
		{Status: 403, Body: "<html></html>", Outcome: plugin.PermanentFail, Scope: gone, Error: "403"},
		{Status: 404, Body: says(10015, "Unknown Webhook"), Outcome: plugin.PermanentFail, Scope: gone, Error: "the webhook was deleted: 10015"},
		{Status: 404, Body: says(10003, "Unknown Channel"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "thread"},
		{Status: 404, Body: says(0, "404: Not Found"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "nothing at"},
		{Status: 404, Body: "<html></html>", Outcome: plugin.PermanentFail, Error: "404"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: gone, Error: "410"},
		{Status: 500, Body: says(0, "500: Internal Server Error"), Outcome: plugin.Retry, Error: "500"},
	}, chattest.Byways()...))
}

// What is asked of Discord is told of what becomes of the message, calls nobody, and shows
// no token, whatever is answered.
func TestRequest(t *testing.T) {
	v := chattest.NewVendor(t)
	v.Answer = chattest.Answer{Status: 404, Body: "no " + token}
	s := chattest.New(t, New)
	for query, want := range map[string]string{"": "?wait=true", "?thread_id=42": "?thread_id=42&wait=true", "?wait=false": "?wait=true"} {
		options := target(v.URL)
		options["url"] = options["url"].(string) + query
		receipt, err := s.Send(t.Context(), chattest.Delivery(t, options, event.Event{V: 1, Type: event.Test}))
		if path := "/api/webhooks/1234567890/" + token + want; v.Last.Path != path {
			t.Errorf("sent to %s, want %s", v.Last.Path, path)
		}
		if text := fmt.Sprintf("%+v %v", receipt, err); strings.Contains(text, token) || receipt.Reply != "no ***" || !strings.HasPrefix(receipt.Request.URL, v.URL+"/api/webhooks/1234567890/***?") {
			t.Errorf("shown: %s", text)
		}
		if !strings.Contains(string(v.Last.Body), `"allowed_mentions":{"parse":[]}`) {
			t.Errorf("sent: %s", v.Last.Body)
		}
	}
}

// Discord's own addresses, as its pages show them, are of no version of its API.
func TestAddressHasAVersion(t *testing.T) {
	for in, want := range map[string]string{
		"https://discord.com/api/webhooks/1/x":              "https://discord.com/api/v10/webhooks/1/x?wait=true",
		"https://Canary.Discord.com/api/webhooks/1/x/":      "https://Canary.Discord.com/api/v10/webhooks/1/x?wait=true",
		"https://discordapp.com/api/webhooks/1/x?with=y":    "https://discordapp.com/api/v10/webhooks/1/x?wait=true&with=y",
		"https://discord.com/api/v9/webhooks/1/x":           "https://discord.com/api/v9/webhooks/1/x?wait=true",
		"https://discord.com.evil.example/api/webhooks/1/x": "https://discord.com.evil.example/api/webhooks/1/x?wait=true",
		"http://chat.internal:8080/d/api/webhooks/1/x":      "http://chat.internal:8080/d/api/webhooks/1/x?wait=true",
	} {
		h, faults := table().Read(json.RawMessage(`{"url":"`+in+`"}`), plugin.Egress{})
		if len(faults) > 0 || h.to.String() != want {
			t.Errorf("%s: %v, %v", in, h.to, faults)
		}
	}
}

func TestOptions(t *testing.T) {
	const broken = "is no webhook's address, which ends in /webhooks/ID/TOKEN; copy the whole address of the webhook"
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"url":"https://discord.com/api/webhooks/1/x"}`: nil,
		`{}`: {{Path: "url", Message: "is missing; give the webhook's address, as https://discord.com/api/webhooks/ID/TOKEN"}},
		`{"url":"https://discord.com/channels/1/2"}`:            {{Path: "url", Message: broken}},
		`{"url":"https://discord.com/api/webhooks/1"}`:          {{Path: "url", Message: broken}},
		`{"url":"https://discord.com/api/webhooks/1/x/y"}`:      {{Path: "url", Message: broken}},
		`{"url":"https://discord.com/api/webhooks/1/x/slack"}`:  {{Path: "url", Message: "ends in /slack, which is for messages of another kind; remove that"}},
		`{"url":"https://discord.com/api/webhooks/1/x/github"}`: {{Path: "url", Message: "ends in /github, which is for messages of another kind; remove that"}},
		`{"url":7,"channel":"#ops"}`: {
			{Path: "channel", Message: `unknown option "channel"; there are url`},
			{Path: "url", Message: "is not a text; give the address to send to, as https://host/path"}},
	})
}

func TestDescription(t *testing.T) {
	chattest.Description(t, New, "discord", plugin.Rate{Sends: 1, Per: 2 * time.Second}, "url")
}
