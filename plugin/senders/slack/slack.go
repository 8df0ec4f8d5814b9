// Package slack sends events to incoming webhooks of Slack, each as a message of Block Kit
// with a bar in the colour of its level. Servers that take the same messages will do.
package slack

import (
	"net/url"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// New makes the sender. It names itself bellbuoy/version to targets.
func New(version string) plugin.Sender { return chat.New(version, medium()) }

func medium() chat.Medium[hook] {
	return chat.Medium[hook]{
		Type:    "slack",
		Options: table(),
		Rate:    plugin.Rate{Sends: 1, Per: time.Second},
		Escape:  escape,
		Payload: payload,
		Request: func(h *hook, _ time.Time) post.Request { return post.Request{URL: h.url, Mask: h.mask} },
		Judge:   judge,
	}
}

// hook is a target's options, read.
type hook struct {
	url *url.URL

	mask *post.Mask
}

func table() options.Table[hook] {
	return options.Table[hook]{
		Of:      "a Slack webhook",
		Example: `{url: "https://hooks.slack.com/services/..."}`,
		Fields: []options.Field[hook]{{
			Name: "url", Description: "the incoming webhook's address, which is a secret as a whole", Secret: true,
			Missing: "give the incoming webhook's address, as https://hooks.slack.com/services/...",
			Into:    func(h *hook) options.Value { return options.URL(&h.url) },
		}},
		Check: (*hook).finish,
	}
}

// finish hides the path: who has it may post.
func (h *hook) finish() []plugin.Fault {
	path := strings.Trim(h.url.EscapedPath(), "/")
	if path == "" {
		return []plugin.Fault{{Path: "url", Message: "has no path; copy the whole address of the incoming webhook"}}
	}
	secrets := append(post.SecretsOf(h.url), path)
	for part := range strings.SplitSeq(path, "/") {
		if isKey(part) {
			secrets = append(secrets, part)
		}
	}
	h.mask = post.NewMask(secrets...)
	return nil
}

// isKey tells the parts of a path that may be secret from words such as "services".
func isKey(part string) bool {
	return len(part) >= 16 || len(part) >= 8 && strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") != ""
}
