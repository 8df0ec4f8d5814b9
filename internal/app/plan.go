package app

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/intake"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// defaultConcurrency is how many sends at a time a target takes whose type and config
// say nothing else.
const defaultConcurrency = 16

// shadowMode is the mode of a target whose requests are made and not sent.
const shadowMode = "shadow"

// plan is what the intake needs to know of a configuration.
func (s settings) plan(asked lookups) intake.Plan {
	p := intake.Plan{
		Registries: map[string]intake.Registry{},
		Targets:    map[string]intake.Target{},
		Rules:      s.rules,
		Keep:       map[event.Type]bool{},
	}
	table := registryTypes()
	for _, r := range s.config.Registries {
		t := table[r.Type]
		reg := intake.Registry{
			Type: r.Type, Adapter: t.adapter, Translate: t.translate, Patience: t.patience,
			Lookup: asked[r.Name].source, Enrich: t.enrich,
		}
		for _, a := range r.Auth {
			reg.Auth = append(reg.Auth, credential(a))
		}
		if r.All {
			reg.Auth = []intake.Credential{intake.All(reg.Auth...)}
		}
		p.Registries[r.Name] = reg
	}
	for _, t := range s.config.Targets {
		p.Targets[t.Name] = intake.Target{
			Type:        t.Type,
			Ordered:     s.order(t) == "repository",
			FirstDelay:  first(t.Retry.Schedule),
			GiveUpAfter: time.Duration(t.Retry.GiveUpAfter),
			Hold:        time.Duration(t.Hold),
			Message:     s.rendering(t),
		}
	}
	for _, k := range s.config.Keep {
		p.Keep[event.Type(k)] = true
	}
	return p
}

// credential is what the intake makes of one that the config names.
func credential(a config.Auth) intake.Credential {
	switch {
	case a.Basic != nil:
		return intake.Basic(a.Basic.User, a.Basic.Password.Reveal())
	case a.Header != nil:
		return intake.Header(a.Header.Name, a.Header.Value.Reveal())
	case a.Path != nil:
		return intake.PathSecret(a.Path.Reveal())
	case a.ClientCA != nil:
		return intake.ClientCA(a.ClientCA.Pool)
	default:
		return intake.Bearer(a.Bearer.Reveal())
	}
}

func first(schedule []config.Duration) time.Duration {
	if len(schedule) == 0 {
		return 0
	}
	return time.Duration(schedule[0])
}

// order is how deliveries to t are attempted: as it says, as its type does, or by
// repository.
func (s settings) order(t config.Target) string {
	for _, o := range []string{t.Order, s.types[t.Type].Defaults.Order} {
		if o != "" {
			return o
		}
	}
	return "repository"
}

// rendering is what t says of its messages, and what its type does.
func (s settings) rendering(t config.Target) render.Rendering {
	r := render.Of(t.Message)
	r.Default = s.types[t.Type].Defaults.Format
	return r
}

// targets is what delivery needs to know of a configuration.
func (s settings) targets() map[string]delivery.Target {
	out := make(map[string]delivery.Target, len(s.config.Targets))
	for _, t := range s.config.Targets {
		d, ok := s.sends[t.Name]
		if !ok {
			d = s.sending(t)
		}
		out[t.Name] = d
	}
	return out
}

// sending is what delivery needs to know of a target.
func (s settings) sending(t config.Target) delivery.Target {
	d := delivery.Target{
		Type: t.Type, Options: t.Options, Timeout: time.Duration(t.Timeout), Concurrency: t.Concurrency,
		Masks:   masks(t, s.types[t.Type].Secrets),
		Message: s.rendering(t),
		Shadow:  t.Mode == shadowMode,
	}
	if d.Concurrency == 0 {
		d.Concurrency = s.types[t.Type].Defaults.Concurrency
	}
	if d.Concurrency == 0 {
		d.Concurrency = defaultConcurrency
	}
	for _, w := range t.Retry.Schedule {
		d.Policy.Schedule = append(d.Policy.Schedule, time.Duration(w))
	}
	return d
}

// kept is what the store needs to know of a configuration's targets.
func (s settings) kept() map[string]store.Target {
	out := map[string]store.Target{}
	for _, t := range s.config.Targets {
		k := store.Target{DisableAfter: t.DisableAfter, ParkFor: time.Duration(t.ParkFor), Shadow: t.Mode == shadowMode, Type: t.Type}
		defaults := s.types[t.Type].Defaults
		k.Rate, k.DigestAfter = store.Rate(defaults.Rate), defaults.DigestAfter
		if t.Rate != nil {
			k.Rate = store.Rate{Sends: t.Rate.Sends, Per: time.Duration(t.Rate.Per)}
		}
		if t.Digest != nil {
			k.DigestAfter = t.Digest.After
		}
		if list := s.unverified[t.Name]; len(list) > 0 {
			k.Parked = unverifiedReason(list)
		}
		out[t.Name] = k
	}
	return out
}

// retention is what a configuration says of how long and how much is kept.
func (s settings) retention() store.Retention {
	r := s.config.Retention
	return store.Retention{Age: time.Duration(r.Age), Size: int64(r.Size)}
}

// masks are the secrets among a target's options: those that its type names, and
// those that the config takes from the environment or a file. The longest come first:
// of one that begins with another, nothing is to be left.
func masks(t config.Target, secrets []string) []string {
	var out []string
	for _, path := range slices.Concat(secrets, t.SecretPaths) {
		for _, o := range named(t.Options, path) {
			out = append(append(out, o.value), partsOfURL(o.value)...)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	return slices.Compact(out)
}

// partsOfURL are those parts of a secret URL that a target repeats when it answers that
// there is nothing at its address, and that remain where a sender masks another part.
func partsOfURL(secret string) []string {
	u, err := url.Parse(secret)
	if err != nil || u.Host == "" {
		return nil
	}
	parts := []string{u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery, u.User.String()}
	return slices.DeleteFunc(parts, func(part string) bool { return part == "" || part == "/" })
}
