// Package dingtalk sends events to the custom robots of DingTalk groups, each as a markdown
// card. Which answer means what is said by [judge]: DingTalk reports errors in the body of
// an answer 200.
package dingtalk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
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
		Type:    "dingtalk",
		Options: table(),
		Rate:    plugin.Rate{Sends: 18, Per: time.Minute}, // of 20, beyond which it is silent for 10 minutes
		Escape:  chat.EscapeMarkdown,
		Payload: payload,
		Limit:   20_000,
		Request: request,
		Judge:   judge,
	}
}

// robot is a target's options, read.
type robot struct {
	url    *url.URL
	secret string

	mask *post.Mask
}

func table() options.Table[robot] {
	return options.Table[robot]{
		Of:      "a DingTalk robot",
		Example: `{url: "https://oapi.dingtalk.com/robot/send?access_token=...", secret: "SEC..."}`,
		Fields: []options.Field[robot]{
			{
				Name: "url", Description: "the robot's webhook address, with its access_token", Secret: true,
				Missing: "give the robot's webhook address, as https://oapi.dingtalk.com/robot/send?access_token=...",
				Into:    func(r *robot) options.Value { return options.URL(&r.url) },
			},
			{
				Name: "secret", Description: "the key of a robot whose security setting is signing: SEC...", Secret: true,
				Into: func(r *robot) options.Value { return options.Text(&r.secret, options.Plain, options.Filled) },
			},
		},
		Check: (*robot).finish,
	}
}

// finish checks the address and derives what is needed with each request.
func (r *robot) finish() (faults []plugin.Fault) {
	q := r.url.Query()
	if q.Get("access_token") == "" {
		faults = append(faults, plugin.Fault{Path: "url", Message: "has no access_token; copy the whole webhook address of the robot"})
	}
	if q.Has("sign") || q.Has("timestamp") {
		faults = append(faults, plugin.Fault{Path: "url", Message: "has a timestamp or a sign, which hold for an hour only; remove them, and give the robot's secret"})
	}
	r.mask = post.NewMask(append(post.SecretsOf(r.url), r.secret)...)
	return faults
}

// request is to the robot's address, signed for now.
func request(r *robot, now time.Time) post.Request {
	u := *r.url
	if r.secret != "" {
		stamp := strconv.FormatInt(now.UnixMilli(), 10)
		u.RawQuery += "&timestamp=" + stamp + "&sign=" + url.QueryEscape(sign(stamp, r.secret))
	}
	return post.Request{URL: &u, Mask: r.mask}
}

// sign is DingTalk's: the secret is the key, and stands in the message too.
func sign(stamp, secret string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(stamp + "\n" + secret))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
