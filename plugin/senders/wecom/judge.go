package wecom

import (
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// judge reads what WeCom says, with whatever status. Its words change, its codes do not.
func judge(r post.Reply) (plugin.Scope, error) {
	return chat.Codes{Vendor: "WeCom", Number: []string{"errcode"}, Words: "errmsg", Verdict: verdict}.Judge(r)
}

// pause is how long a robot is left alone once there was too much.
const pause = time.Minute

// verdict is what an errcode other than 0 means.
func verdict(code int, _ string, r post.Reply) (plugin.Scope, error) {
	said := func(what string) error { return fmt.Errorf("%s: errcode %d", what, code) }
	switch code {
	case -1:
		return "", said("WeCom is busy")
	case 45009:
		return "", plugin.Throttled(said("more than 20 messages a minute"), r.At.Add(pause))
	case 45033:
		return "", plugin.Throttled(said("too many calls at the same time"), r.At.Add(pause))
	case 93000:
		return plugin.ScopeTargetGone, plugin.Permanent(said("there is no robot with this key, or it was removed from the group"))
	case 93004:
		return plugin.ScopeTargetGone, plugin.Permanent(said("the robot was stopped"))
	case 93008:
		return plugin.ScopeTargetGone, plugin.Permanent(said("the robot is not in the group"))
	case 40058:
		return plugin.ScopeMessage, plugin.Permanent(said("the message is too large, or WeCom does not take it"))
	case 40008, 44004:
		return plugin.ScopeMessage, plugin.Permanent(said("WeCom does not take such a message"))
	}
	return "", said("WeCom reports an error that is not known here")
}
