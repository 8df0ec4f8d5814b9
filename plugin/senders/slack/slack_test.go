package slack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

const path = "services/T0AB12CD3/B0AB12CD3/abcdefghijklmnopqrstuvwx"

func target(base string) map[string]any { return map[string]any{"url": base + "/" + path} }

func TestAnswers(t *testing.T) {
	const gone, wrong, message = plugin.ScopeTargetGone, plugin.ScopeMisconfigured, plugin.ScopeMessage
	chattest.Judge(t, New, target, append([]chattest.Answer{
		{Status: 200, Body: "ok", Outcome: plugin.Delivered},
		{Status: 200, Body: "ok\n", Outcome: plugin.Delivered},
		{Status: 200, Body: "ok", Cut: true, Outcome: plugin.Retry, Error: `not "ok"`},
		{Status: 200, Body: "", Outcome: plugin.Retry, Error: `not "ok"`},
		{Status: 200, Body: "OK", Outcome: plugin.Retry, Error: `not "ok"`},
		{Status: 200, Body: `{"ok":true}`, Outcome: plugin.Retry, Error: `not "ok"`},
		{Status: 200, Body: "<html>Please log in</html>", Outcome: plugin.Retry, Error: `not "ok"`},
		{Status: 200, Body: "invalid_payload", Outcome: plugin.Retry, Error: `not "ok"`},
		{Status: 202, Body: "ok", Outcome: plugin.Retry, Error: "202"},
		{Status: 204, Outcome: plugin.Retry, Error: "204"},

		{Status: 400, Body: "invalid_payload", Outcome: plugin.PermanentFail, Scope: message, Error: "invalid_payload"},
		{Status: 400, Body: "invalid_blocks", Outcome: plugin.PermanentFail, Scope: message, Error: "invalid_blocks"},
		{Status: 400, Body: "no_text", Outcome: plugin.PermanentFail, Scope: message, Error: "no_text"},
		{Status: 400, Body: "too_many_attachments", Outcome: plugin.PermanentFail, Scope: message, Error: "too_many_attachments"},
		{Status: 400, Body: "user_not_found", Outcome: plugin.PermanentFail, Scope: wrong, Error: "user_not_found"},
		{Status: 403, Body: "action_prohibited", Outcome: plugin.PermanentFail, Scope: wrong, Error: "action_prohibited"},
		{Status: 403, Body: "invalid_token", Outcome: plugin.PermanentFail, Scope: wrong, Error: "invalid_token"},
		{Status: 403, Body: "posting_to_general_channel_denied", Outcome: plugin.PermanentFail, Scope: wrong, Error: "general channel"},
		{Status: 403, Body: "team_disabled", Outcome: plugin.PermanentFail, Scope: wrong, Error: "team_disabled"},
		{Status: 404, Body: "channel_not_found", Outcome: plugin.PermanentFail, Scope: wrong, Error: "channel_not_found"},
		{Status: 404, Body: "no_service", Outcome: plugin.PermanentFail, Scope: wrong, Error: "no_service"},
		{Status: 404, Body: "no_active_hooks", Outcome: plugin.PermanentFail, Scope: wrong, Error: "no_active_hooks"},
		{Status: 404, Body: "no_team", Outcome: plugin.PermanentFail, Scope: wrong, Error: "no_team"},
		{Status: 410, Body: "channel_is_archived", Outcome: plugin.PermanentFail, Scope: gone, Error: "archived"},
		{Status: 410, Body: "", Outcome: plugin.PermanentFail, Scope: gone, Error: "410"},
		{Status: 404, Body: "<html></html>", Outcome: plugin.PermanentFail, Error: "404"},
		{Status: 400, Body: "something_new", Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 500, Body: "rollup_error", Outcome: plugin.Retry, Error: "500"},
	}, chattest.Byways()...))
}

// The path is the secret; wherever it turns up it is hidden, and so are its parts.
func TestSecretsAreHidden(t *testing.T) {
	v := chattest.NewVendor(t)
	v.Answer = chattest.Answer{Status: 404, Body: "no /" + path + " nor abcdefghijklmnopqrstuvwx of T0AB12CD3"}
	s := chattest.New(t, New)
	receipt, err := s.Send(t.Context(), chattest.Delivery(t, target(v.URL), event.Event{V: 1, Type: event.Test}))
	if v.Last.Path != "/"+path || receipt.Request.URL != v.URL+"/***" || receipt.Reply != "no /*** nor *** of ***" {
		t.Errorf("sent to %s, shown %s, reply %s", v.Last.Path, receipt.Request.URL, receipt.Reply)
	}
	v.Close()
	receipt, err2 := s.Send(t.Context(), chattest.Delivery(t, target(v.URL), event.Event{V: 1, Type: event.Test}))
	for _, text := range []string{fmt.Sprint(err), fmt.Sprint(err2), fmt.Sprintf("%+v", receipt)} {
		if strings.Contains(text, "T0AB12CD3") || strings.Contains(text, "abcdefghijklmnopqrstuvwx") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestOptions(t *testing.T) {
	chattest.Options(t, New, map[string][]plugin.Fault{
		`{"url":"https://hooks.slack.com/services/T/B/x"}`: nil,
		`{}`: {{Path: "url", Message: "is missing; give the incoming webhook's address, as https://hooks.slack.com/services/..."}},
		`{"url":"https://hooks.slack.com/"}`: {
			{Path: "url", Message: "has no path; copy the whole address of the incoming webhook"}},
		`{"url":7,"channel":"#ops"}`: {
			{Path: "channel", Message: `unknown option "channel"; there are url`},
			{Path: "url", Message: "is not a text; give the address to send to, as https://host/path"}},
	})
}

func TestDescription(t *testing.T) {
	chattest.Description(t, New, "slack", plugin.Rate{Sends: 1, Per: time.Second}, "url")
}
