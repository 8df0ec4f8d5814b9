package discord

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// answer is what Discord says where it did not take a message.
type answer struct {
	Code       int     `json:"code"`
	Message    string  `json:"message"`
	RetryAfter float64 `json:"retry_after"` // seconds
}

// judge reads an answer: the status decides, and a code says more. Who goes on to call a
// webhook that answers 401 or 403 is banned by address in the end, so that these disable the
// target, as one that is not there any more does. An answer 200 that is no message of
// Discord's, a proxy's page or nothing, says nothing of ours, which is tried again.
func judge(r post.Reply) (plugin.Scope, error) {
	var a answer
	_ = json.Unmarshal(r.Body, &a) // a page has no code
	said := func(means string) error {
		if a.Message == "" {
			return fmt.Errorf("%s: the target answered %d %s", means, r.Status, http.StatusText(r.Status))
		}
		return fmt.Errorf("%s: %d %.200s", means, a.Code, a.Message)
	}
	switch r.Status {
	case http.StatusOK:
		var sent map[string]json.RawMessage
		if json.Unmarshal(r.Body, &sent) != nil || sent == nil {
			return "", errors.New("the target answered 200 without a message, which is not as Discord answers")
		}
		return "", nil
	case http.StatusTooManyRequests:
		return "", plugin.Throttled(said("too many messages"), until(r, a))
	case http.StatusUnauthorized:
		return plugin.ScopeTargetGone, plugin.Permanent(said("the webhook's token is not valid: copy its address anew"))
	case http.StatusForbidden:
		return plugin.ScopeTargetGone, plugin.Permanent(said("Discord does not let the webhook post"))
	}
	if r.Status == http.StatusBadRequest || r.Status == http.StatusNotFound {
		for _, k := range known() {
			if a.Code == k.code {
				return k.scope, plugin.Permanent(said(k.means))
			}
		}
		switch {
		case a.Message == "":
		case r.Status == http.StatusNotFound:
			return plugin.ScopeMisconfigured, plugin.Permanent(said("there is nothing at the webhook's address"))
		default:
			return plugin.ScopeMessage, plugin.Permanent(said("Discord does not take the message"))
		}
	}
	return post.ByStatus(r)
}

// until is when the target takes messages again; the zero time where it does not say.
func until(r post.Reply, a answer) time.Time {
	seconds := a.RetryAfter
	if seconds <= 0 { // as of the firewall in front of Discord
		if after, ok := post.RetryAfter(r.Header, r.At); ok {
			return r.At.Add(after)
		}
		seconds, _ = strconv.ParseFloat(r.Header.Get("X-RateLimit-Reset-After"), 64) // 0 where there is none
	}
	if !(seconds > 0) {
		return time.Time{}
	}
	const most = 365 * 24 * 60 * 60
	return r.At.Add(time.Duration(math.Min(seconds, most) * float64(time.Second)))
}

// refusal is one of Discord's codes of errors.
type refusal struct {
	code  int
	scope plugin.Scope
	means string
}

func known() []refusal {
	const gone, wrong, message = plugin.ScopeTargetGone, plugin.ScopeMisconfigured, plugin.ScopeMessage
	return []refusal{
		{10015, gone, "the webhook was deleted"},
		{10003, wrong, "the thread that the address names is not there"},
		{220001, wrong, "the webhook's channel is a forum: add ?thread_id=... to its address"},
		{200000, message, "the server's rules block the message"},
		{240000, message, "Discord finds a link harmful"},
	}
}
