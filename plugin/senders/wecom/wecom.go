// Package wecom sends events to the robots of WeCom groups (企业微信), each as markdown.
// Which answer means what is said by [verdict]: WeCom reports errors in the body of an
// answer 200.
package wecom

import (
	"net/url"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// New makes the sender. It names itself bellbuoy/version to targets.
func New(version string) plugin.Sender { return chat.New(version, medium()) }

func medium() chat.Medium[robot] {
	return chat.Medium[robot]{
		Type:    "wecom",
		Options: table(),
		Rate:    plugin.Rate{Sends: 18, Per: time.Minute}, // of 20
		Escape:  escape,
		Payload: payload,
		Limit:   4096, // bytes of markdown: with more, all of it is refused
		Size:    func(payload any) int { return len(payload.(note).Markdown.Content) },
		Request: func(r *robot, _ time.Time) post.Request { return post.Request{URL: r.url, Mask: r.mask} },
		Judge:   judge,
	}
}

// robot is a target's options, read.
type robot struct {
	url *url.URL

	mask *post.Mask
}

func table() options.Table[robot] {
	return options.Table[robot]{
		Of:      "a WeCom robot",
		Example: `{url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=..."}`,
		Fields: []options.Field[robot]{{
			Name: "url", Description: "the group robot's webhook address, with its key", Secret: true,
			Missing: "give the robot's webhook address, as https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=...",
			Into:    func(r *robot) options.Value { return options.URL(&r.url) },
		}},
		Check: (*robot).finish,
	}
}

// finish checks the address and hides its key.
func (r *robot) finish() []plugin.Fault {
	if r.url.Query().Get("key") == "" {
		return []plugin.Fault{{Path: "url", Message: "has no key; copy the whole webhook address of the robot"}}
	}
	r.mask = post.NewMask(post.SecretsOf(r.url)...)
	return nil
}
