package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) quarantineOps() {
	handle(s, op{
		route: "GET /api/v1/quarantine", role: access.Viewer, noun: "quarantine",
		summary: "List what could not be read, the newest first, without the bodies",
	}, s.quarantine)
	handle(s, op{
		route: "GET /api/v1/quarantine/{id}", role: access.Viewer, noun: "quarantine",
		summary: "Show one body that could not be read",
	}, s.quarantined)
}

// quarantinedWhole is one body that could not be read, shown whole. Where it is no
// text it is in base64, and BodyEncoding says so.
type quarantinedWhole struct {
	store.Quarantined
	Body         string `json:"body"`
	BodyEncoding string `json:"body_encoding,omitempty"`
}

// quarantine lists what could not be read, without the bodies.
func (s *server) quarantine(ctx context.Context, in *struct{ Limited }) (*body[[]store.Quarantined], error) {
	list, err := s.Store.Quarantine(ctx, in.Limit)
	if list == nil {
		list = []store.Quarantined{}
	}
	return &body[[]store.Quarantined]{list}, err
}

// quarantined shows one body that could not be read.
func (s *server) quarantined(ctx context.Context, in *struct{ ByID }) (*body[quarantinedWhole], error) {
	q, err := s.Store.Quarantined(ctx, in.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problemf(http.StatusNotFound, "there is no %q in quarantine: list what there is with `bellbuoy quarantine`", in.ID)
	}
	p := quarantinedWhole{Quarantined: q}
	p.Body, p.BodyEncoding = textBody(q.Body)
	return &body[quarantinedWhole]{p}, err
}
