package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

func (s *server) targetTypeOps() {
	handle(s, op{
		route: "GET /api/v1/target-types", role: access.Viewer, noun: "targets",
		summary: "List the types that a target may have",
	}, s.targetTypes)
	handle(s, op{
		route: "GET /api/v1/target-types/{type}", role: access.Viewer, noun: "targets",
		summary: "Tell which options a target of a type has",
		detail:  "The sender of the type is asked, and started where it does not run.",
	}, s.targetType)
}

// TargetType is what there is to know of a type before a target of it is made. What suits
// the type counts where a target says nothing of it.
type TargetType struct {
	Type        string          `json:"type"`
	Version     string          `json:"version" doc:"Of its sender."`
	Options     json.RawMessage `json:"options" doc:"The JSON Schema of the options. What is secret is writeOnly there."`
	Order       string          `json:"order" doc:"What suits it: repository or none."`
	Concurrency int             `json:"concurrency" doc:"How many attempts run at a time."`
	Rate        string          `json:"rate" doc:"How many are sent in any window of time, such as 20/1m; 0 where there is no limit."`
	DigestAfter int             `json:"digest_after" doc:"When more events than that wait, they become one message; 0 is never."`
	Format      string          `json:"format" doc:"That of its messages; empty where they are the event itself, or its sender's own."`
}

// targetTypes lists the types, sorted.
func (s *server) targetTypes(context.Context, *struct{}) (*body[[]string], error) {
	list := []string{}
	if s.TargetTypes != nil {
		list = s.TargetTypes()
	}
	return &body[[]string]{list}, nil
}

// targetType tells of one type.
func (s *server) targetType(ctx context.Context, in *struct {
	Type string `path:"type" doc:"As the list has it." example:"webhook"`
}) (*body[TargetType], error) {
	var t TargetType
	var ok bool
	var err error
	if s.TargetType != nil {
		t, ok, err = s.TargetType(ctx, in.Type)
	}
	switch {
	case !ok:
		return nil, problemf(http.StatusNotFound, "there are no targets of type %q: /api/v1/target-types lists the types", in.Type)
	case err != nil:
		return nil, problemf(http.StatusServiceUnavailable, "the sender of type %s does not answer: %v", in.Type, err)
	}
	return &body[TargetType]{t}, nil
}
