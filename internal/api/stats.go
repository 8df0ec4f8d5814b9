package api

import (
	"context"
	"runtime"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) statsOps() {
	handle(s, op{
		route: "GET /api/v1/stats", role: access.Viewer, noun: "stats",
		summary: "Count events and deliveries by the hour",
	}, s.stats)
	handle(s, op{
		route: "GET /api/v1/version", role: access.Viewer, noun: "stats",
		summary: "Say which bellbuoy this is",
	}, s.version)
}

// statsFor is how far back counters go where nothing is said.
const statsFor = 24 * time.Hour

// stats tells what happened by the hour, from counters.
func (s *server) stats(ctx context.Context, in *struct {
	Since string `query:"since" doc:"A time, or a duration back from now; 24h where nothing is said." example:"3d"`
	Sum   bool   `query:"sum" doc:"Add up the deliveries to all targets, which may be many."`
}) (*body[store.Hours], error) {
	since, err := readTime(in.Since, s.now())
	if err != nil {
		return nil, wrong("since", "%v", err)
	}
	if since.IsZero() {
		since = s.now().Add(-statsFor)
	}
	hours, err := s.Store.Hours(ctx, since, in.Sum)
	return &body[store.Hours]{hours}, err
}

type versionPage struct {
	Version string `json:"version"`
	Go      string `json:"go"` // that it was built with
}

// version says which bellbuoy this is.
func (s *server) version(context.Context, *nothing) (*body[versionPage], error) {
	return &body[versionPage]{versionPage{s.Version, runtime.Version()}}, nil
}
