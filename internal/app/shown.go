package app

import (
	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
)

// shown is what people are told of the configuration in use.
func (r *running) shown() api.Running {
	now := r.now.Load()
	v := api.Running{
		File: now.file, Loaded: now.loaded, RuleSet: now.rules.Hash(),
		Rules: make([]api.Rule, 0, len(now.config.Rules)), Warnings: faultsShown(now.warnings),
	}
	for _, rule := range now.config.Rules {
		shown := api.Rule{
			Name: rule.Name, Description: rule.Description, Enabled: rule.Enabled,
			Events: append([]string{}, rule.Events...), Targets: []string{}, Source: source(rule.Pos),
		}
		for _, d := range rule.Deliver {
			shown.Targets = append(shown.Targets, d.Target)
		}
		v.Rules = append(v.Rules, shown)
	}
	for _, t := range now.config.Targets {
		v.Targets = append(v.Targets, api.Target{Name: t.Name, Type: t.Type, Source: source(t.Pos)})
	}
	if wrong := r.store.Space().String(); wrong != "" {
		v.Notices = append(v.Notices, wrong)
	}
	if f := r.failed.Load(); f != nil {
		v.Failed = &api.FailedReload{Time: f.at, Faults: faultsShown(f.faults)}
	}
	return v
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
