package app

import (
	"cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// shown is what people are told of the configuration in use.
func (r *running) shown() api.Running {
	now := r.now.Load()
	v := api.Running{
		File: now.file, Loaded: now.loaded, RuleSet: now.rules.Hash(),
		Rules: make([]api.Rule, 0, len(now.config.Rules)), Warnings: faultsShown(now.warnings),
	}
	byAPI := map[key]*made{}
	for _, m := range now.made {
		if m.inactive == "" {
			byAPI[m.key()] = m
			continue
		}
		v.Inactive = append(v.Inactive, api.Inactive{Kind: m.kind(), Name: m.Name, Owner: ownerOf(m, config.Pos{}), Why: m.inactive, File: m.owner})
	}
	for _, rule := range now.config.Rules {
		shown := api.Rule{
			Name: rule.Name, Description: rule.Description, Enabled: rule.Enabled,
			Events: append([]string{}, rule.Events...), Targets: []string{}, Source: source(rule.Pos),
			Owner: ownerOf(byAPI[key{objects.Rule, rule.Name}], rule.Pos),
		}
		for _, d := range rule.Deliver {
			shown.Targets = append(shown.Targets, d.Target)
		}
		v.Rules = append(v.Rules, shown)
	}
	for _, t := range now.config.Targets {
		v.Targets = append(v.Targets, api.Target{Name: t.Name, Type: t.Type, Source: source(t.Pos),
			Owner: ownerOf(byAPI[key{objects.Target, t.Name}], t.Pos), Unverified: shownUnverified(now.unverified[t.Name])})
	}
	heard := r.heard.all()
	for _, g := range now.config.Registries {
		shown := api.Registry{Name: g.Name, Type: g.Type, URL: g.URL, Lookup: g.Lookup, Source: source(g.Pos),
			Owner: ownerOf(byAPI[key{objects.Registry, g.Name}], g.Pos), Ignores: []string{}}
		if at, ok := heard[g.Name]; ok {
			shown.Heard = &at
		}
		if e := now.config.Endpoint; e != nil && e.Registry == g.Name {
			for _, i := range e.Ignored {
				shown.Ignores = append(shown.Ignores, cmp.Or(i.MediaType, i.Action))
			}
		}
		v.Registries = append(v.Registries, shown)
	}
	if wrong := r.store.Space().String(); wrong != "" {
		v.Notices = append(v.Notices, wrong)
	}
	if f := r.failed.Load(); f != nil {
		v.Failed = &api.FailedReload{Time: f.at, Faults: faultsShown(f.faults)}
	}
	return v
}

// ownerOf says who defines what stands at pos of a file, or what m is, which is nil for what
// was not made through the API.
func ownerOf(m *made, pos config.Pos) api.Owner {
	switch {
	case m != nil:
		return api.Owner{Kind: api.OwnedByAPI, Version: m.Version, By: m.By, Changed: &m.Changed}
	case pos.File != "":
		return api.Owner{Kind: api.OwnedByFile, File: pos.File, Line: pos.Line}
	}
	return api.Owner{Kind: api.OwnedByDefault}
}

// source is nil for what is there without a configuration.
func source(p config.Pos) *api.Source {
	if p.File == "" {
		return nil
	}
	return &api.Source{File: p.File, Line: p.Line}
}

func faultsShown(faults config.Faults) []api.Fault {
	list := make([]api.Fault, 0, len(faults))
	for _, f := range faults {
		severity := map[config.Severity]string{config.Error: "error", config.Warning: "warning", config.Note: "note"}[f.Severity]
		list = append(list, api.Fault{Severity: severity, File: f.Pos.File, Line: f.Pos.Line, Path: f.Path, Message: f.Message, Text: f.String()})
	}
	return list
}
