package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// targetPage is one target, and how many deliveries to it are in which state.
type targetPage struct {
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	InConfig   bool                `json:"in_config"`
	Source     *Source             `json:"source"` // null where no file defines it
	Owner      Owner               `json:"owner,omitzero"`
	Condition  condition           `json:"condition"`
	Deliveries map[store.State]int `json:"deliveries"`
	Unverified []Unverified        `json:"unverified,omitempty"` // addresses to which nothing but links is sent
}

func (s *server) targetOps() {
	handle(s, op{
		route: "GET /api/v1/targets", role: access.Viewer, noun: "targets",
		summary: "List targets, how each is, and how many deliveries are in which state",
		detail:  "Those of the configuration come first, in its order, then those that it does not name any more and that once had a delivery.",
	}, s.targets)
	handle(s, op{
		route: "POST /api/v1/targets/{name}/cancel", role: access.Editor, noun: "targets",
		summary: "Cancel what is parked for a target that nothing defines any more",
		errors:  []int{http.StatusConflict},
	}, s.cancelTarget)
	handle(s, op{
		route: "POST /api/v1/targets/{name}/test", role: access.Editor, noun: "targets",
		summary: "Send a target an event to try it with",
		detail:  "The event's trace tells how its delivery goes.",
	}, s.testTarget)
	handle(s, op{
		route: "POST /api/v1/targets/{name}/verify", role: access.Editor, noun: "targets",
		summary: "Mail the links by which a target's addresses are verified again",
		errors:  []int{http.StatusTooManyRequests},
	}, s.resendLinks)
	for _, d := range decisions() {
		handle(s, op{
			route: "POST /api/v1/targets/{name}/" + d.verb, role: access.Editor, noun: "targets",
			summary: d.summary,
			detail:  "It answers with the condition that follows, when all deliveries of the target are where they belong then.",
		}, s.decide(d))
	}
}

// targets lists those of the configuration, in its order, then those that it does not
// name any more and that once had a delivery.
func (s *server) targets(ctx context.Context, in *struct {
	Behind
	Worries bool `query:"worries" doc:"Only those that need somebody: that fail or are disabled, whose options are wrong, for which something waits that nobody sends, or to which something could not be delivered."`
}) (*page[targetPage], error) {
	counts, err := s.Store.TargetCounts(ctx)
	if err != nil {
		return nil, err
	}
	list := s.Running().Targets
	named := make(map[string]bool, len(list))
	for _, t := range list {
		named[t.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if !named[name] {
			list = append(list, Target{Name: name, Type: counts[name].Type})
		}
	}
	conditions, now := s.Store.Conditions(), s.now().UTC()
	if in.Worries {
		list = slices.DeleteFunc(slices.Clone(list), func(t Target) bool {
			return !worries(conditionOf(conditions[t.Name], named[t.Name], now), counts[t.Name].States)
		})
	}
	list, link, err := part(ctx, in.Behind, list, func(t Target) string { return t.Name })
	if err != nil {
		return nil, err
	}
	out := &page[targetPage]{Link: link, Body: make([]targetPage, len(list))}
	for i, t := range list {
		out.Body[i] = targetPage{Name: t.Name, Type: t.Type, InConfig: named[t.Name], Source: t.Source, Owner: t.Owner, Unverified: t.Unverified,
			Condition: conditionOf(conditions[t.Name], named[t.Name], now), Deliveries: counts[t.Name].States}
		if out.Body[i].Deliveries == nil {
			out.Body[i].Deliveries = map[store.State]int{}
		}
	}
	return out, nil
}

// worries reports whether a target needs somebody.
func worries(is condition, deliveries map[store.State]int) bool {
	return deliveries[store.Dead]+deliveries[store.Expired] > 0 || is.Marked != nil || is.State == store.FailingTarget || is.State == store.DisabledTarget ||
		is.State == gone && deliveries[store.Parked]+deliveries[store.Waiting] > 0
}

type cancelledPage struct {
	Cancelled int `json:"cancelled"` // deliveries
}

// cancelTarget ends the deliveries to a target that nothing defines any more.
func (s *server) cancelTarget(ctx context.Context, in *struct {
	ByName
	Body ByRequest
}) (*body[cancelledPage], error) {
	by, err := who(ctx, in.Body.By)
	if err != nil {
		return nil, err
	}
	n, err := s.Store.Cancel(ctx, in.Name, by)
	switch {
	case errors.Is(err, store.ErrConfigured):
		where := "the config"
		for _, t := range s.Running().Targets {
			if t.Name == in.Name && t.Source != nil {
				where = t.Source.String()
			}
		}
		return nil, problemf(http.StatusConflict, "target %q is defined in %s, so that its deliveries are made: remove it there first", in.Name, where)
	case err != nil:
		return nil, err
	case n == 0:
		return nil, problemf(http.StatusNotFound, "nothing is parked for a target %q: list what there is with `bellbuoy targets`", in.Name)
	}
	s.Log.InfoContext(ctx, "deliveries cancelled", "target", in.Name, "deliveries", n, "by", by)
	return &body[cancelledPage]{cancelledPage{n}}, nil
}
