// Package flowdock sends events to the team inbox of a flow, as Quay does. Flowdock itself
// is gone; servers that are like it are reached by their base URL.
package flowdock

import (
	"net/http"
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

func medium() chat.Medium[flow] {
	return chat.Medium[flow]{
		Type:    "flowdock",
		Options: table(),
		Rate:    plugin.Rate{Sends: 30, Per: time.Minute},
		Escape:  chat.EscapeHTML,
		Payload: payload,
		Limit:   64 << 10,
		Request: func(f *flow, _ time.Time) post.Request { return post.Request{URL: f.address, Mask: f.mask} },
		Judge:   judge,
	}
}

// flow is a target's options, read.
type flow struct {
	token string
	from  string
	base  *url.URL

	address *url.URL
	mask    *post.Mask
}

func table() options.Table[flow] {
	return options.Table[flow]{
		Of:      "a flow",
		Example: `{flow_api_token: "..."}`,
		Fields: []options.Field[flow]{
			{
				Name: "flow_api_token", Description: "the flow's API token", Secret: true,
				Missing: "give the flow's API token",
				Into:    func(f *flow) options.Value { return options.Text(&f.token, options.Plain, options.Filled) },
			},
			{
				Name: "from_address", Description: "the mail address that messages are shown to be from; " + sender + " where it is left out",
				Into: func(f *flow) options.Value { return options.Text(&f.from, options.Plain, isAddress) },
			},
			{
				Name: "base_url", Description: "of the server, without /v1; https://api.flowdock.com where it is left out",
				Into: func(f *flow) options.Value { return options.URL(&f.base) },
			},
		},
		Check: (*flow).finish,
	}
}

// sender is an address that nobody has.
const sender = "bellbuoy@bellbuoy.invalid"

func isAddress(s string) string {
	if name, host, ok := strings.Cut(s, "@"); !ok || name == "" || host == "" || strings.ContainsAny(s, " <>,;") {
		return "is not a mail address; write it as name@host"
	}
	return ""
}

// finish derives from the options what is needed with each request.
func (f *flow) finish() (faults []plugin.Fault) {
	if f.base == nil {
		faults = append(faults, plugin.Fault{Path: "base_url", Warning: true,
			Message: "is missing, and Flowdock's own service is gone: give the address of the server that has taken its place, or the token goes to whoever has the name now"})
		f.base = &url.URL{Scheme: "https", Host: "api.flowdock.com"}
	}
	if f.from == "" {
		f.from = sender
	}
	if f.base.Path == "" {
		f.base.Path = "/" // JoinPath makes no path of none
	}
	f.address = f.base.JoinPath("v1", "messages", "team_inbox", url.PathEscape(f.token))
	f.mask = post.NewMask(append(post.SecretsOf(f.base), f.token)...)
	return faults
}

// mail is a message of the team inbox.
type mail struct {
	Source      string   `json:"source"`
	FromAddress string   `json:"from_address"`
	FromName    string   `json:"from_name"`
	Subject     string   `json:"subject"`
	Content     string   `json:"content"` // HTML
	Format      string   `json:"format"`
	Project     string   `json:"project,omitempty"`
	Tags        []string `json:"tags"`
	Link        string   `json:"link,omitempty"`
}

func payload(f *flow, m chat.Message) any {
	out := mail{
		Source: "bellbuoy", FromAddress: f.from, FromName: "bellbuoy",
		Subject: m.Title, Format: "html",
		Tags: []string{"#" + word(string(m.Event.Type)), "#" + word(string(m.Level))},
		Link: m.Link,
	}
	if r := m.Event.Repository; r != nil {
		out.Project = strings.TrimSpace(other.ReplaceAllString(chat.Cut(r.FullName, 100, func(rune) int { return 1 }), " "))
	}
	m.Heading = "" // is the subject
	if out.Content = chat.HTML(m); out.Content == "" {
		out.Content = chat.EscapeHTML(m.Title)
	}
	return out
}

// other is what Flowdock does not take in the name of a project; Quay, too, writes its
// repositories so.
var other = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// word is what a tag can be.
func word(s string) string {
	return chat.Cut(strings.Trim(other.ReplaceAllString(s, "_"), "_"), 40, func(rune) int { return 1 })
}

// judge goes by the status; refused tokens are the target's options.
func judge(r post.Reply) (plugin.Scope, error) {
	scope, err := post.ByStatus(r)
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		scope = plugin.ScopeMisconfigured
	}
	return scope, err
}
