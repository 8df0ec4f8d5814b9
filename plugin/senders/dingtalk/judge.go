package dingtalk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// judge reads what DingTalk says, with whatever status.
func judge(r post.Reply) (plugin.Scope, error) {
	return chat.Codes{Vendor: "DingTalk", Number: []string{"errcode"}, Words: "errmsg", Verdict: verdict}.Judge(r)
}

// pause is how long DingTalk lets nothing through once there was too much.
const pause = 10 * time.Minute

// verdict is what an errcode other than 0 means.
func verdict(code int, words string, r post.Reply) (plugin.Scope, error) {
	said := func(format string) error {
		return fmt.Errorf(format+": errcode %d", code)
	}
	switch code {
	case -1:
		return "", said("DingTalk is busy")
	case 410100, 130101:
		return "", plugin.Throttled(said("more than 20 messages a minute"), r.At.Add(pause))
	case 90030:
		return "", plugin.Throttled(said("the calls of the day are used up"), r.At.Add(time.Hour))
	case 310000:
		return security(words, r)
	case 300001, 300005, 400101:
		return plugin.ScopeTargetGone, plugin.Permanent(said("there is no robot with this access_token"))
	case 400013:
		return plugin.ScopeTargetGone, plugin.Permanent(said("the group was dissolved"))
	case 400102:
		return plugin.ScopeTargetGone, plugin.Permanent(said("the robot was stopped"))
	case 400106:
		return plugin.ScopeTargetGone, plugin.Permanent(said("the robot is not in the group any more"))
	case 430101, 430102, 430103, 430104:
		return plugin.ScopeMessage, plugin.Permanent(said("DingTalk finds a link, text or picture unsafe"))
	case 460101, 101002:
		return plugin.ScopeMessage, plugin.Permanent(said("the message is too large"))
	case 400105, 40035, 43002, 43004:
		return plugin.ScopeMessage, plugin.Permanent(said("DingTalk does not take such a message"))
	}
	return "", said("DingTalk reports an error that is not known here")
}

// security reads why the robot's security settings refuse: the words tell, in English or
// Chinese, up to the first semicolon, behind which is what to do.
func security(words string, r post.Reply) (plugin.Scope, error) {
	why, _, _ := strings.Cut(strings.ToLower(words), ";")
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(why, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("timestamp", "时间戳", "过期"):
		_, advice := post.Clock(r)
		return plugin.ScopeMisconfigured, fmt.Errorf("DingTalk does not take the time of the signature: %s: errcode 310000", advice)
	case has("keyword", "关键词"):
		return plugin.ScopeMessage, plugin.Permanent(errors.New("the message has none of the robot's keywords: put one into the title or the template: errcode 310000"))
	case has("whitelist", "白名单") || strings.HasPrefix(why, "ip ") || has("ip地址", "发送ip"):
		return plugin.ScopeMisconfigured, plugin.Permanent(errors.New("the address that bellbuoy calls from is not among those that the robot takes: errcode 310000"))
	case has("sign", "签名"):
		return plugin.ScopeMisconfigured, plugin.Permanent(errors.New("the signature is wrong: give the robot's own secret: errcode 310000"))
	}
	return plugin.ScopeMisconfigured, plugin.Permanent(errors.New("the robot's security settings refuse the message: errcode 310000"))
}
