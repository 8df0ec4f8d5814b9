// Package feishu sends events to the custom bots of Feishu and Lark groups, each as an
// interactive card. Which answer means what is said by [verdict]: Feishu reports errors in
// the body of an answer 200 or 400.
package feishu

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// New makes the sender. It names itself bellbuoy/version to targets.
func New(version string) plugin.Sender { return chat.New(version, medium()) }

func medium() chat.Medium[bot] {
	return chat.Medium[bot]{
		Type:    "feishu",
		Options: table(),
		Rate:    plugin.Rate{Sends: 3, Per: 2 * time.Second}, // 90 of 100 a minute, and never more than 5 in a second
		Escape:  escape,
		Payload: payload,
		Limit:   20_000,
		Request: request,
		Judge:   judge,
	}
}

// bot is a target's options, read.
type bot struct {
	url    *url.URL
	secret string

	mask *post.Mask
}

func table() options.Table[bot] {
	return options.Table[bot]{
		Of:      "a Feishu or Lark bot",
		Example: `{url: "https://open.feishu.cn/open-apis/bot/v2/hook/..."}`,
		Fields: []options.Field[bot]{
			{
				Name: "url", Description: "the custom bot's webhook address, whose last part is its token", Secret: true,
				Missing: "give the custom bot's webhook address, as https://open.feishu.cn/open-apis/bot/v2/hook/...",
				Into:    func(b *bot) options.Value { return options.URL(&b.url) },
			},
			{
				Name: "secret", Description: "the key of a bot whose security setting is signature verification", Secret: true,
				Into: func(b *bot) options.Value { return options.Text(&b.secret, options.Plain, options.Filled) },
			},
		},
		Check: (*bot).finish,
	}
}

// finish checks the address and derives what is needed with each request.
func (b *bot) finish() []plugin.Fault {
	path := strings.TrimRight(b.url.EscapedPath(), "/")
	token := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case token == "" || token == "hook":
		return []plugin.Fault{{Path: "url", Message: "has no token; copy the whole webhook address of the custom bot"}}
	case strings.Contains(path, "/open-apis/bot/hook/"):
		return []plugin.Fault{{Path: "url", Message: "is that of a bot of the first version, which takes no cards; add a custom bot to the group, and copy its address, .../open-apis/bot/v2/hook/..."}}
	}
	b.mask = post.NewMask(append(post.SecretsOf(b.url), token, b.secret)...)
	return nil
}

// request is to the bot's address; the signature for now, which is in the payload, is
// hidden as a secret is.
func request(b *bot, now time.Time) post.Request {
	r := post.Request{URL: b.url, Mask: b.mask}
	if b.secret != "" {
		r.Mask = b.mask.And(sign(stamp(now), b.secret))
	}
	return r
}

func stamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// sign is Feishu's: timestamp and secret together are the key, and the message is empty.
func sign(stamp, secret string) string {
	h := hmac.New(sha256.New, []byte(stamp+"\n"+secret))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
