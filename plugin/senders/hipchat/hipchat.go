// Package hipchat sends events to rooms of HipChat's API, version 2, each as a notification
// of HTML in the colour of its level. HipChat itself is gone; servers that are like it are
// reached by their base URL.
package hipchat

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// New makes the sender. It names itself bellbuoy/version to targets.
func New(version string) plugin.Sender { return chat.New(version, medium()) }

func medium() chat.Medium[room] {
	return chat.Medium[room]{
		Type:    "hipchat",
		Options: table(),
		Rate:    plugin.Rate{Sends: 30, Per: time.Minute},
		Escape:  chat.EscapeHTML,
		Payload: payload,
		Limit:   10_000, // characters of the text: fewer than bytes of all
		Request: func(r *room, _ time.Time) post.Request {
			return post.Request{URL: r.address, Hidden: r.credentials, Mask: r.mask}
		},
		Judge: judge,
	}
}

// room is a target's options, read.
type room struct {
	id, token string
	base      *url.URL

	address     *url.URL
	credentials http.Header
	mask        *post.Mask
}

func table() options.Table[room] {
	return options.Table[room]{
		Of:      "a HipChat room",
		Example: `{room_id: 42, notification_token: "..."}`,
		Fields: []options.Field[room]{
			{
				Name: "room_id", Description: "the room's id or name",
				Missing: "give the room's id or name",
				Into:    func(r *room) options.Value { return options.ID(&r.id, options.Plain, options.Filled) },
			},
			{
				Name: "notification_token", Description: "a token that may send notifications to the room", Secret: true,
				Missing: "give a token that may send notifications to the room",
				Into:    func(r *room) options.Value { return options.Text(&r.token, options.Plain, options.Filled) },
			},
			{
				Name: "base_url", Description: "of the server, without /v2; https://api.hipchat.com where it is left out",
				Into: func(r *room) options.Value { return options.URL(&r.base) },
			},
		},
		Check: (*room).finish,
	}
}

// finish derives from the options what is needed with each request.
func (r *room) finish() (faults []plugin.Fault) {
	if r.base == nil {
		faults = append(faults, plugin.Fault{Path: "base_url", Warning: true,
			Message: "is missing, and HipChat's own service is gone: give the address of the server that has taken its place, or the token goes to whoever has the name now"})
		r.base = &url.URL{Scheme: "https", Host: "api.hipchat.com"}
	}
	if r.base.Path == "" {
		r.base.Path = "/" // JoinPath makes no path of none
	}
	r.address = r.base.JoinPath("v2", "room", url.PathEscape(r.id), "notification")
	r.credentials = http.Header{"Authorization": {"Bearer " + r.token}}
	r.mask = post.NewMask(append(post.SecretsOf(r.base), "Bearer "+r.token)...)
	return faults
}

// notification is a message as HipChat has it. HTML is shown as it is: nobody is called in
// it, and nothing becomes a link by itself.
type notification struct {
	Color   string `json:"color"`
	Message string `json:"message"`
	Notify  bool   `json:"notify"`
	Format  string `json:"message_format"`
}

func payload(_ *room, m chat.Message) any {
	return notification{colour(m), chat.HTML(m), m.Level == message.Bad, "html"}
}

// colour is that of the level, and of a push, as Quay has it.
func colour(m chat.Message) string {
	switch m.Level {
	case message.Bad:
		return "red"
	case message.Warning:
		return "yellow"
	case message.Good:
		return "green"
	}
	if m.Event.Type == event.ArtifactPushed || m.Event.Type == event.ChartPushed {
		return "purple"
	}
	return "gray"
}

// judge goes by the status. Of one that is 429, HipChat tells in headers of its own when
// there is room again; refused credentials and unknown rooms are the target's options.
func judge(r post.Reply) (plugin.Scope, error) {
	scope, err := post.ByStatus(r)
	switch r.Status {
	case http.StatusTooManyRequests:
		if until := reset(r); plugin.ReadVerdict(err).Until.IsZero() && until.After(r.At) {
			err = plugin.Throttled(err, until)
		}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		scope = plugin.ScopeMisconfigured
	}
	return scope, err
}

// reset is when the limits that are used up begin anew, or the zero time.
func reset(r post.Reply) (until time.Time) {
	for _, limit := range []string{"X-Floodcontrol-", "X-Ratelimit-"} {
		seconds, err := strconv.ParseInt(r.Header.Get(limit+"Reset"), 10, 64)
		if left := r.Header.Get(limit + "Remaining"); err != nil || left != "" && left != "0" {
			continue
		}
		if at := time.Unix(seconds, 0); at.After(until) {
			until = at
		}
	}
	return until
}
