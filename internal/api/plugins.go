package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// Plugin is the sender of one target type.
type Plugin struct {
	Type    string  `json:"type"`
	Version string  `json:"version"` // as it describes itself; "" until it was asked
	Builtin bool    `json:"builtin"` // it comes with bellbuoy
	File    string  `json:"file,omitempty"`
	Pin     string  `json:"pin,omitempty"`    // SHA-256 that its file must have
	Source  *Source `json:"source,omitempty"` // of the pin
	// State is unused, starting, up, down (it is started by what is to be sent, after Next),
	// halted (it died too often, and is started after Next) or stopped.
	State    string     `json:"state"`
	Since    *time.Time `json:"since,omitempty"` // of the state
	Next     *time.Time `json:"next,omitempty"`
	Protocol int        `json:"protocol,omitempty"` // version that it speaks with bellbuoy
	PID      int        `json:"pid,omitempty"`
	Resident int64      `json:"resident_bytes,omitempty"`
	Restarts int        `json:"restarts"`
	Deaths   int        `json:"deaths"` // in the last ten minutes, failed starts among them
	InFlight int        `json:"in_flight"`
	Error    string     `json:"error,omitempty"` // why it last went down
	Targets  []string   `json:"targets"`         // of the configuration
	// Lines are what it printed last, LinesDropped what was too many for the log.
	Lines        []PluginLine `json:"lines"`
	LinesDropped int          `json:"lines_dropped"`
}

// PluginLine is a line that a sender printed.
type PluginLine struct {
	Time time.Time `json:"time"`
	PID  int       `json:"pid,omitempty"`
	Text string    `json:"text"`
}

func (s *server) pluginOps() {
	handle(s, op{
		route: "GET /api/v1/plugins", role: access.Viewer, noun: "plugins",
		summary: "List the senders, and how each runs",
		detail:  "What each printed last is only on the page of one.",
	}, s.plugins)
	handle(s, op{
		route: "GET /api/v1/plugins/{type}", role: access.Viewer, noun: "plugins",
		summary: "Show one sender, and what it printed last",
	}, s.plugin)
	handle(s, op{
		route: "POST /api/v1/plugins/{type}/restart", role: access.Admin, noun: "plugins",
		summary: "Have a sender run anew",
		detail:  "It answers when the new process is up; what the old one has in flight it may end.",
		errors:  []int{http.StatusConflict},
	}, s.restartPlugin)
}

// ByType takes the sender that the path names.
type ByType struct {
	Type string `path:"type" doc:"The type of the targets that it sends to." example:"webhook"`
}

// plugins lists the senders. Only the page of one has what it printed.
func (s *server) plugins(context.Context, *nothing) (*body[[]Plugin], error) {
	list := []Plugin{}
	if s.Plugins != nil {
		list = s.Plugins()
	}
	for i := range list {
		list[i].Lines = []PluginLine{}
	}
	return &body[[]Plugin]{list}, nil
}

func (s *server) plugin(_ context.Context, in *struct{ ByType }) (*body[Plugin], error) {
	return s.pluginOf(in.Type)
}

func (s *server) pluginOf(typ string) (*body[Plugin], error) {
	if s.Plugins != nil {
		for _, p := range s.Plugins() {
			if p.Type == typ {
				return &body[Plugin]{p}, nil
			}
		}
	}
	return nil, problemf(http.StatusNotFound, "no target has the type %q: list the senders with `bellbuoy plugins`", typ)
}

// restartTimeout is how long a sender may take to start.
const restartTimeout = 20 * time.Second

// restartPlugin has a sender run anew, and answers when the new process is up; what the
// old one has in flight it may end.
func (s *server) restartPlugin(ctx context.Context, in *struct {
	ByType
	Body ByRequest
}) (*body[Plugin], error) {
	by, err := who(ctx, in.Body.By)
	if err != nil {
		return nil, err
	}
	if _, err := s.pluginOf(in.Type); err != nil {
		return nil, err
	}
	// A caller that hangs up leaves no half of it behind.
	starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), restartTimeout)
	defer cancel()
	if err := s.RestartPlugin(starting, in.Type); err != nil {
		s.Log.WarnContext(ctx, "sender not restarted", "sender", in.Type, "by", by, "error", err)
		return nil, problemf(http.StatusConflict, "%v", err)
	}
	s.Log.InfoContext(ctx, "sender restarted", "sender", in.Type, "by", by)
	return s.pluginOf(in.Type)
}
