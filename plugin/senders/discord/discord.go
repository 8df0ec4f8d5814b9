// Package discord sends events to webhooks of Discord channels, each as an embed in the
// colour of its level.
package discord

import (
	"net/url"
	"regexp"
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
		Type:    "discord",
		Options: table(),
		Rate:    plugin.Rate{Sends: 1, Per: 2 * time.Second}, // 5 in 2 s and 30 in a minute are what is known to pass
		Escape:  escape,
		Payload: payload,
		Limit:   maxEmbed,
		Size:    size,
		Request: func(h *hook, _ time.Time) post.Request { return post.Request{URL: h.to, Mask: h.mask} },
		Judge:   judge,
	}
}

// hook is a target's options, read.
type hook struct {
	url *url.URL

	to   *url.URL // url as messages are sent to it
	mask *post.Mask
}

func table() options.Table[hook] {
	return options.Table[hook]{
		Of:      "a Discord webhook",
		Example: `{url: "https://discord.com/api/webhooks/..."}`,
		Fields: []options.Field[hook]{{
			Name: "url", Description: "the webhook's address, with its token; a thread of the channel by ?thread_id=...", Secret: true,
			Missing: "give the webhook's address, as https://discord.com/api/webhooks/ID/TOKEN",
			Into:    func(h *hook) options.Value { return options.URL(&h.url) },
		}},
		Check: (*hook).finish,
	}
}

var (
	// address is the path of a webhook: what is before its id, its token, and what does
	// not belong there.
	address = regexp.MustCompile(`^(.*/webhooks/)[^/]+/([^/]+?)(/slack|/github)?/?$`)
	// discords are Discord's own hosts.
	discords = regexp.MustCompile(`^([a-z]+\.)?discord(app)?\.com$`)
)

// finish derives where messages are sent, and hides the token: who has it may post.
func (h *hook) finish() []plugin.Fault {
	parts := address.FindStringSubmatch(h.url.EscapedPath())
	if parts == nil {
		return []plugin.Fault{{Path: "url", Message: "is no webhook's address, which ends in /webhooks/ID/TOKEN; copy the whole address of the webhook"}}
	}
	if parts[3] != "" {
		return []plugin.Fault{{Path: "url", Message: "ends in " + parts[3] + ", which is for messages of another kind; remove that"}}
	}
	base := *h.url
	base.RawQuery = ""
	h.mask = post.NewMask(append(post.SecretsOf(&base), parts[2])...)

	to := *h.url
	to.Path, to.RawPath = strings.TrimRight(to.Path, "/"), strings.TrimRight(to.RawPath, "/")
	if parts[1] == "/api/webhooks/" && discords.MatchString(strings.ToLower(to.Hostname())) {
		// Without a version Discord takes one of long ago, which counts in milliseconds.
		to.Path = strings.Replace(to.Path, "/api/", "/api/v10/", 1)
		to.RawPath = strings.Replace(to.RawPath, "/api/", "/api/v10/", 1)
	}
	q := to.Query()
	q.Set("wait", "true") // so that the answer says whether there is a message
	to.RawQuery = q.Encode()
	h.to = &to
	return nil
}
