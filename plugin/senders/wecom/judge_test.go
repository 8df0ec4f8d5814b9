package wecom

import (
	"strconv"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

const key = "693a91f6-7001-4bc4-97a0-0ec2sifa5aaa"

func target(base string) map[string]any {
	return map[string]any{"url": base + "/cgi-bin/webhook/send?key=" + key}
}

// Every error of WeCom's comes with a status of 200; what does not come from WeCom says
// nothing of the message.
func TestAnswers(t *testing.T) {
	const gone, message = plugin.ScopeTargetGone, plugin.ScopeMessage
	code := func(n int, words string) string {
		return `{"errcode":` + strconv.Itoa(n) + `,"errmsg":"` + words + `"}`
	}
	chattest.Judge(t, New, target, append([]chattest.Answer{
		{Status: 200, Body: code(0, "ok"), Outcome: plugin.Delivered},
		{Status: 200, Body: code(0, "never mind the words: api freq out of limit"), Outcome: plugin.Delivered},
		{Status: 200, Body: code(-1, "system error"), Outcome: plugin.Retry, Error: "busy: errcode -1"},
		{Status: 200, Body: code(45009, "api freq out of limit"), Outcome: plugin.ThrottledTarget, After: time.Minute, Error: "more than 20 messages a minute: errcode 45009"},
		{Status: 200, Body: code(45033, "api concurrent out of limit"), Outcome: plugin.ThrottledTarget, After: time.Minute, Error: "at the same time: errcode 45033"},

		{Status: 200, Body: code(93000, "invalid webhook url, hint: [1], from ip: 192.0.2.7"), Outcome: plugin.PermanentFail, Scope: gone, Error: "no robot with this key"},
		{Status: 200, Body: code(93004, "robot stopped"), Outcome: plugin.PermanentFail, Scope: gone, Error: "stopped"},
		{Status: 200, Body: code(93008, "not in group"), Outcome: plugin.PermanentFail, Scope: gone, Error: "not in the group"},
		{Status: 200, Body: code(40058, "markdown.content exceed max length 4096. invalid Request Parameter"), Outcome: plugin.PermanentFail, Scope: message, Error: "too large"},
		{Status: 200, Body: code(40008, "invalid message type"), Outcome: plugin.PermanentFail, Scope: message, Error: "40008"},
		{Status: 200, Body: code(44004, "empty content"), Outcome: plugin.PermanentFail, Scope: message, Error: "44004"},
		{Status: 400, Body: code(93000, "invalid webhook url"), Outcome: plugin.PermanentFail, Scope: gone, Error: "93000"},
		{Status: 200, Body: code(999999, "new"), Outcome: plugin.Retry, Error: "errcode 999999"},

		{Status: 200, Body: `{"errmsg":"ok"}`, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: `{"errcode":"0"}`, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: `{"errcode":0`, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: `{"errcode":0`, Cut: true, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: "", Outcome: plugin.Retry, Error: "not as WeCom answers"},
		{Status: 200, Body: "ok", Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: "<html>Please log in</html>", Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 204, Outcome: plugin.Retry, Error: "204"},
		{Status: 500, Body: code(0, "ok"), Outcome: plugin.Retry, Error: "500"},
		{Status: 404, Body: "<html></html>", Outcome: plugin.PermanentFail, Error: "404"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: gone, Error: "410"},
	}, chattest.Byways()...))
}
