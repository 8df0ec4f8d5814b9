package api

import (
	"context"
	"net/http"
	"time"
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

// plugins lists the senders. Only the page of one has what it printed.
func (s *server) plugins(w http.ResponseWriter, _ *http.Request) {
	list := []Plugin{}
	if s.Plugins != nil {
		list = s.Plugins()
	}
	for i := range list {
		list[i].Lines = []PluginLine{}
	}
	answer(w, list)
}

func (s *server) plugin(w http.ResponseWriter, r *http.Request) {
	p, ok := s.pluginOf(r.PathValue("type"))
	if !ok {
		s.noPlugin(w, r)
		return
	}
	answer(w, p)
}

func (s *server) pluginOf(typ string) (Plugin, bool) {
	if s.Plugins == nil {
		return Plugin{}, false
	}
	for _, p := range s.Plugins() {
		if p.Type == typ {
			return p, true
		}
	}
	return Plugin{}, false
}

func (s *server) noPlugin(w http.ResponseWriter, r *http.Request) {
	fail(w, http.StatusNotFound, "no target has the type %q: list the senders with `bellbuoy plugins`", r.PathValue("type"))
}

// restartTimeout is how long a sender may take to start.
const restartTimeout = 20 * time.Second

// restartPlugin has a sender run anew, and answers when the new process is up; what the
// old one has in flight it may end.
func (s *server) restartPlugin(w http.ResponseWriter, r *http.Request) {
	by, err := readBy(w, r)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	typ := r.PathValue("type")
	if _, ok := s.pluginOf(typ); !ok {
		s.noPlugin(w, r)
		return
	}
	// A caller that hangs up leaves no half of it behind.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), restartTimeout)
	defer cancel()
	if err := s.RestartPlugin(ctx, typ); err != nil {
		s.Log.WarnContext(r.Context(), "sender not restarted", "sender", typ, "by", by, "error", err)
		fail(w, http.StatusConflict, "%v", err)
		return
	}
	s.Log.InfoContext(r.Context(), "sender restarted", "sender", typ, "by", by)
	s.plugin(w, r)
}
