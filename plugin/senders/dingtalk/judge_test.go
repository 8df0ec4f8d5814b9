package dingtalk

import (
	"strconv"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

func target(base string) map[string]any {
	return map[string]any{"url": base + "/robot/send?access_token=0123456789abcdef", "secret": "SEC0123456789abcdef"}
}

// Every error of DingTalk's comes with a status of 200; what does not come from DingTalk
// says nothing of the message.
func TestAnswers(t *testing.T) {
	const gone, wrong, message = plugin.ScopeTargetGone, plugin.ScopeMisconfigured, plugin.ScopeMessage
	code := func(n int, words string) string {
		return `{"errcode":` + strconv.Itoa(n) + `,"errmsg":"` + words + `"}`
	}
	answers := []chattest.Answer{
		{Status: 200, Body: `{"errcode":0,"errmsg":"ok"}`, Outcome: plugin.Delivered},
		{Status: 200, Body: code(-1, "系统繁忙"), Outcome: plugin.Retry, Error: "busy: errcode -1"},
		{Status: 200, Body: code(410100, "发送速度太快而限流"), Outcome: plugin.ThrottledTarget, After: 10 * time.Minute, Error: "errcode 410100"},
		{Status: 200, Body: `{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute","status":1111,"wait":5,"punish":"deny"}`,
			Outcome: plugin.ThrottledTarget, After: 10 * time.Minute, Error: "more than 20 messages a minute"},
		{Status: 200, Body: code(90030, "limit"), Outcome: plugin.ThrottledTarget, After: time.Hour, Error: "of the day"},

		{Status: 200, Body: code(310000, "keywords not in content"), Outcome: plugin.PermanentFail, Scope: message, Error: "keywords"},
		{Status: 200, Body: code(310000, "description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;"), Outcome: plugin.PermanentFail, Scope: message, Error: "keywords"},
		{Status: 200, Body: code(310000, "sign not match"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "the signature is wrong"},
		{Status: 200, Body: code(310000, "sign not match, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "the signature is wrong"},
		{Status: 200, Body: code(310000, "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中;"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "the signature is wrong"},
		{Status: 200, Body: code(310000, "ip 192.0.2.7 not in whitelist"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "calls from"},
		{Status: 200, Body: code(310000, "invalid timestamp"), Outcome: plugin.Retry, Scope: wrong, Error: "the clocks agree now"},
		{Status: 200, Body: code(310000, "invalid timestamp"), Header: map[string]string{"Date": ago(3 * time.Hour)}, Outcome: plugin.Retry, Scope: wrong, Error: "clock is 3h0m"},
		{Status: 200, Body: code(310000, "invalid timestamp"), Header: map[string]string{"Date": ago(-3 * time.Hour)}, Outcome: plugin.Retry, Scope: wrong, Error: "slow, set it"},
		{Status: 200, Body: code(310000, "invalid timestamp"), Header: map[string]string{"Date": "today"}, Outcome: plugin.Retry, Scope: wrong, Error: "set this machine's clock"},
		{Status: 200, Body: code(310000, "description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在一小时内;"), Outcome: plugin.Retry, Scope: wrong, Error: "time of the signature"},
		{Status: 200, Body: code(310000, "something new"), Outcome: plugin.PermanentFail, Scope: wrong, Error: "security settings"},
		{Status: 200, Body: code(310000, ""), Outcome: plugin.PermanentFail, Scope: wrong, Error: "security settings"},

		{Status: 200, Body: code(999999, "new"), Outcome: plugin.Retry, Error: "errcode 999999"},
		{Status: 200, Body: `{"errmsg":"ok"}`, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: `{"errcode":"0"}`, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: `{"errcode":0`, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: `{"errcode":0`, Cut: true, Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: "", Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: "ok", Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 200, Body: "<html>Please log in</html>", Outcome: plugin.Retry, Error: "without errcode"},
		{Status: 204, Outcome: plugin.Retry, Error: "204"},

		{Status: 400, Body: code(300001, "token is not exist"), Outcome: plugin.PermanentFail, Scope: gone, Error: "access_token"},
		{Status: 500, Body: code(0, "ok"), Outcome: plugin.Retry, Error: "500"},
		{Status: 404, Body: "<html></html>", Outcome: plugin.PermanentFail, Error: "404"},
		{Status: 410, Outcome: plugin.PermanentFail, Scope: gone, Error: "410"},
	}
	for _, n := range []int{300001, 300005, 400101, 400013, 400102, 400106} {
		answers = append(answers, chattest.Answer{Status: 200, Body: code(n, "x"), Outcome: plugin.PermanentFail, Scope: gone, Error: strconv.Itoa(n)})
	}
	for _, n := range []int{400105, 40035, 43002, 43004, 430101, 430102, 430103, 430104, 460101, 101002} {
		answers = append(answers, chattest.Answer{Status: 200, Body: code(n, "x"), Outcome: plugin.PermanentFail, Scope: message, Error: strconv.Itoa(n)})
	}
	chattest.Judge(t, New, target, append(answers, chattest.Byways()...))
}

func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC1123)[:26] + "GMT" }
