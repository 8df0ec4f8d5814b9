package feishu

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func target(base string) map[string]any {
	return map[string]any{"url": base + "/open-apis/bot/v2/hook/0123456789abcdef", "secret": "fedcba9876543210"}
}

// Errors of Feishu's come with a status of 200 or 400, and mean the same with either; what
// does not come from Feishu says nothing of the message.
func TestAnswers(t *testing.T) {
	const gone, wrong, message = plugin.ScopeTargetGone, plugin.ScopeMisconfigured, plugin.ScopeMessage
	code := func(n int, words string) string {
		return `{"code":` + strconv.Itoa(n) + `,"data":{},"msg":"` + words + `"}`
	}
	date := func(ahead time.Duration) map[string]string {
		return map[string]string{"Date": time.Now().Add(-ahead).UTC().Format(http.TimeFormat)}
	}
	answers := []chattest.Answer{
		{Status: 200, Body: `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`, Outcome: plugin.Delivered},
		{Status: 200, Body: code(0, "success"), Outcome: plugin.Delivered},
		{Status: 200, Body: `{"Extra":null,"StatusCode":0,"StatusMessage":"success"}`, Outcome: plugin.Delivered},
		{Status: 200, Body: `{"StatusCode":0,"code":19001,"msg":"x"}`, Outcome: plugin.PermanentFail, Scope: gone, Error: "19001"},

		{Status: 200, Body: `{"msg":"success"}`, Outcome: plugin.Retry, Error: "without code"},
		{Status: 200, Body: `{"code":"0"}`, Outcome: plugin.Retry, Error: "without code"},
		{Status: 200, Body: `{"code":null}`, Outcome: plugin.Retry, Error: "without code"},
		{Status: 200, Body: `{"code":0`, Outcome: plugin.Retry, Error: "without code"},
		{Status: 200, Body: `{"code":0`, Cut: true, Outcome: plugin.Retry, Error: "without code"},
		{Status: 200, Body: "", Outcome: plugin.Retry, Error: "without code"},
		{Status: 200, Body: "[]", Outcome: plugin.Retry, Error: "not as Feishu answers"},
		{Status: 200, Body: "<html>Please log in</html>", Outcome: plugin.Retry, Error: "without code"},
		{Status: 204, Outcome: plugin.Retry, Error: "204"},

		{Status: 429, Body: code(99991400, "request trigger frequency limit"), Header: map[string]string{"Retry-After": "90"}, Outcome: plugin.ThrottledTarget, After: 90 * time.Second, Error: "429"},
		{Status: 500, Body: code(0, "success"), Outcome: plugin.Retry, Error: "500"},
		{Status: 400, Body: code(0, "success"), Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 400, Body: "Bad Request", Outcome: plugin.PermanentFail, Error: "400"},
		{Status: 404, Body: "<html></html>", Outcome: plugin.PermanentFail, Error: "404"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: gone, Error: "410"},
	}
	const clock = "sign match fail or timestamp is not within one hour from current time"
	for _, status := range []int{200, 400} {
		answers = append(answers, []chattest.Answer{
			{Status: status, Body: code(9499, "Bad Request"), Outcome: plugin.PermanentFail, Scope: message, Error: "too large: code 9499"},
			{Status: status, Body: code(9499, "too many request"), Outcome: plugin.Retry, Error: "too many requests: code 9499"},
			{Status: status, Body: code(11232, "create message trigger frequency limit"), Outcome: plugin.Retry, Error: "full and half hours: code 11232"},
			{Status: status, Body: code(11247, "internal send message trigger rate limit"), Outcome: plugin.Retry, Error: "code 11247"},
			{Status: status, Body: code(99991400, "request trigger frequency limit"), Outcome: plugin.Retry, Error: "code 99991400"},
			{Status: status, Body: code(19001, "param invalid: incoming webhook access token invalid"), Outcome: plugin.PermanentFail, Scope: gone, Error: "no bot with this token"},
			{Status: status, Body: code(19003, "bot disabled"), Outcome: plugin.PermanentFail, Scope: gone, Error: "disabled"},
			{Status: status, Body: code(19021, clock), Outcome: plugin.PermanentFail, Scope: wrong, Error: "the signature is wrong"},
			{Status: status, Body: code(19021, clock), Header: date(50 * time.Minute), Outcome: plugin.PermanentFail, Scope: wrong, Error: "the signature is wrong"},
			{Status: status, Body: code(19021, clock), Header: date(3 * time.Hour), Outcome: plugin.Retry, Scope: wrong, Error: "clock is 3h0m"},
			{Status: status, Body: code(19021, clock), Header: date(-3 * time.Hour), Outcome: plugin.Retry, Scope: wrong, Error: "slow, set it"},
			{Status: status, Body: code(19021, clock), Header: map[string]string{"Date": "today"}, Outcome: plugin.PermanentFail, Scope: wrong, Error: "set the clock"},
			{Status: status, Body: code(19022, "Ip Not Allowed"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "calls from"},
			{Status: status, Body: code(19024, "Key Words Not Found"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "keywords"},
			{Status: status, Body: code(19036, "x"), Outcome: plugin.PermanentFail, Scope: message, Error: "too large"},
			{Status: status, Body: code(999, "new"), Outcome: plugin.Retry, Error: "code 999"},
		}...)
	}
	chattest.Judge(t, New, target, append(answers, chattest.Byways()...))
}
