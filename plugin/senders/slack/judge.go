package slack

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// judge reads an answer: Slack says "ok" and nothing else, or the name of an error with a
// status to match. An answer 200 with anything else is not Slack's, and says nothing of the
// message, which is tried again.
func judge(r post.Reply) (plugin.Scope, error) {
	said := strings.TrimSpace(string(r.Body))
	switch {
	case r.Status == http.StatusOK && said == "ok" && r.Err == nil:
		return "", nil
	case r.Status >= 200 && r.Status <= 299:
		return "", fmt.Errorf(`the target answered %d and not "ok", which is not as Slack answers`, r.Status)
	case r.Status < 400 || r.Status > 499 || r.Status == http.StatusTooManyRequests:
		return post.ByStatus(r)
	}
	for _, k := range known() {
		if said == k.name {
			return k.scope, plugin.Permanent(errors.New(k.means + ": " + k.name))
		}
	}
	return post.ByStatus(r)
}

// refusal is one of Slack's names of errors.
type refusal struct {
	name  string
	scope plugin.Scope
	means string
}

func known() []refusal {
	const gone, wrong, message = plugin.ScopeTargetGone, plugin.ScopeMisconfigured, plugin.ScopeMessage
	return []refusal{
		{"channel_is_archived", gone, "the channel was archived"},
		{"channel_not_found", wrong, "the webhook's channel is not there"},
		{"no_service", wrong, "there is no such webhook: it was removed, disabled, or its address is wrong"},
		{"no_active_hooks", wrong, "the webhook is disabled"},
		{"no_team", wrong, "the webhook's workspace is not there"},
		{"team_disabled", wrong, "the webhook's workspace is disabled"},
		{"invalid_token", wrong, "the webhook's address is wrong"},
		{"user_not_found", wrong, "the webhook's user is not there"},
		{"action_prohibited", wrong, "the workspace does not let the webhook post there"},
		{"posting_to_general_channel_denied", wrong, "the workspace does not let the webhook post to its general channel"},
		{"invalid_payload", message, "Slack does not take the message"},
		{"invalid_blocks", message, "Slack does not take the message"},
		{"no_text", message, "Slack does not take the message"},
		{"too_many_attachments", message, "Slack does not take the message"},
	}
}
