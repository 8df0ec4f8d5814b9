// Package teams sends events to workflows of Microsoft Teams, each as an Adaptive Card in
// the colour of its level. A workflow accepts a card and posts it later: that it was posted
// is more than an answer says.
package teams

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// New makes the sender. It names itself bellbuoy/version to targets.
func New(version string) plugin.Sender { return sender{chat.New(version, medium())} }

// sender says in its receipts what an answer does not.
type sender struct{ *chat.Sender[workflow] }

// Send is [plugin.Sender.Send]. A receipt with the status 202 says that nothing is posted yet.
func (s sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	receipt, err := s.Sender.Send(ctx, d)
	if err == nil && receipt.Status == http.StatusAccepted {
		receipt.Reply = strings.TrimSpace(accepted + " " + chat.Cut(receipt.Reply, plugin.MaxReply-len(accepted)-1, utf8.RuneLen))
	}
	return receipt, err
}

// accepted stands in front of what the target said.
const accepted = "[accepted, not posted yet: the workflow's run history says what became of it]"

func medium() chat.Medium[workflow] {
	return chat.Medium[workflow]{
		Type:    "teams",
		Options: table(),
		Rate:    plugin.Rate{Sends: 1, Per: time.Second}, // of 4; what the workflow does has bounds of its own
		Escape:  escape,
		Payload: payload,
		Limit:   28_000,
		Request: func(w *workflow, _ time.Time) post.Request { return post.Request{URL: w.url, Mask: w.mask} },
		Judge:   judge,
	}
}

// workflow is a target's options, read.
type workflow struct {
	url *url.URL

	mask *post.Mask
}

func table() options.Table[workflow] {
	return options.Table[workflow]{
		Of:      "a Teams workflow",
		Example: `{url: "https://...&sig=..."}`,
		Fields: []options.Field[workflow]{{
			Name: "url", Description: "the address of the workflow's trigger, with its sig, which is a secret", Secret: true,
			Missing: "give the address of the workflow's trigger, as https://...environment.api.powerplatform.com/...&sig=...",
			Into:    func(w *workflow) options.Value { return options.URL(&w.url) },
		}},
		Check: (*workflow).finish,
	}
}

// finish hides the signature: who has it may start the workflow. Without one all that may
// be secret is hidden.
func (w *workflow) finish() []plugin.Fault {
	base := *w.url
	base.RawQuery = ""
	for pair := range strings.SplitSeq(w.url.RawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); name == "sig" {
			base.RawQuery = pair
		}
	}
	if base.RawQuery == "" {
		base.RawQuery = w.url.RawQuery
	}
	w.mask = post.NewMask(post.SecretsOf(&base)...)

	host := strings.ToLower(w.url.Hostname())
	if strings.HasSuffix(host, ".webhook.office.com") || host == "outlook.office.com" {
		return []plugin.Fault{{Warning: true, Path: "url", Message: "is that of an Office 365 connector, which Microsoft has retired; make a workflow for the channel, and give its address"}}
	}
	if w.url.Query().Get("sig") == "" {
		return []plugin.Fault{{Warning: true, Path: "url", Message: "has no sig, without which a workflow starts for those who log in only; let anyone start it, and copy its whole address"}}
	}
	return nil
}
