package feishu

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// judge reads what Feishu says, with whatever status. StatusCode is what older bots have.
func judge(r post.Reply) (plugin.Scope, error) {
	return chat.Codes{Vendor: "Feishu", Number: []string{"code", "StatusCode"}, Words: "msg", Verdict: verdict}.Judge(r)
}

// verdict is what a code other than 0 means.
func verdict(code int, words string, r post.Reply) (plugin.Scope, error) {
	said := func(what string) error { return fmt.Errorf("%s: code %d", what, code) }
	if r.Status == http.StatusTooManyRequests {
		return post.ByStatus(r)
	}
	switch code {
	case 9499:
		if strings.Contains(strings.ToLower(words), "too many request") {
			return "", said("Feishu has too many requests")
		}
		return plugin.ScopeMessage, plugin.Permanent(said("Feishu does not take such a message, or it is too large"))
	case 11232, 11247, 99991400:
		return "", said("Feishu has too many messages, as it may at full and half hours")
	case 19001:
		return plugin.ScopeTargetGone, plugin.Permanent(said("there is no bot with this token"))
	case 19003:
		return plugin.ScopeTargetGone, plugin.Permanent(said("the bot was disabled"))
	case 19021:
		return signature(said, r)
	case 19022:
		return plugin.ScopeMisconfigured, plugin.Permanent(said("the address that bellbuoy calls from is not among those that the bot takes"))
	case 19024:
		return plugin.ScopeMisconfigured, plugin.Permanent(said("the message has none of the bot's keywords: put one into the title or the template"))
	case 19036:
		return plugin.ScopeMessage, plugin.Permanent(said("the message is too large"))
	}
	return "", said("Feishu reports an error that is not known here")
}

// signature reads one code for two faults: the clocks tell which it is.
func signature(said func(string) error, r post.Reply) (plugin.Scope, error) {
	const most = 55 * time.Minute // of the hour that Feishu allows, and what the way takes
	if ahead, advice := post.Clock(r); ahead.Abs() > most {
		return plugin.ScopeMisconfigured, said("Feishu does not take the time of the signature: " + advice)
	}
	return plugin.ScopeMisconfigured, plugin.Permanent(said("the signature is wrong, or this machine's clock: give the bot's own secret, and set the clock"))
}
