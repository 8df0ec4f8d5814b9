package app

import (
	"context"
	"maps"
	"slices"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/plugin/host"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

// targetTypes lists the types that targets made through the API may have: those that are
// built in and do no more than send, and those of plugins.
func (r *running) targetTypes() []string {
	types := senders.Builtin()
	list := slices.Collect(maps.Keys(types))
	list = slices.DeleteFunc(list, func(typ string) bool { return slices.Contains(config.GuardedTypes(), typ) })
	for typ := range r.now.Load().plugins {
		list = append(list, typ)
	}
	slices.Sort(list)
	return list
}

// targetType tells of one of them. A sender in a file of its own is started, if it does not
// run.
func (r *running) targetType(ctx context.Context, typ string, h *host.Host) (api.TargetType, bool, error) {
	if !slices.Contains(r.targetTypes(), typ) {
		return api.TargetType{}, false, nil
	}
	sender := h.Sender(typ)
	if construct, ok := senders.Builtin()[typ]; ok {
		sender = construct(r.version)
	}
	d, err := sender.Describe(ctx)
	t := api.TargetType{Type: typ, Version: d.Version, Options: d.Options, Order: d.Defaults.Order, Concurrency: d.Defaults.Concurrency,
		DigestAfter: d.Defaults.DigestAfter, Format: d.Defaults.Format,
		Rate: config.Rate{Sends: d.Defaults.Rate.Sends, Per: config.Duration(d.Defaults.Rate.Per)}.String()}
	return t, true, err
}
