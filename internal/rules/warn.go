package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// needs are the conditions that hold for events of some types only.
var needs = []struct {
	key   string
	has   func(config.Rule) bool
	suits func(event.Type) bool
	types string // in words
}{
	{"kinds", func(r config.Rule) bool { return r.Kinds != nil }, hasArtifact, "an artifact"},
	{"tag", func(r config.Rule) bool { return r.Tag != nil && r.Tag.Untagged != "match" }, hasArtifact, "tags"},
	{"actors", func(r config.Rule) bool { return wantsName(r.Actors) }, notOurs, "an actor"},
	{"ref", func(r config.Rule) bool { return wantsName(r.Ref) }, isBuild, "a ref, as build.* have"},
	{"severity", func(r config.Rule) bool { return r.Severity != "" }, isFinding, "a severity, as scan.completed and vulnerability.found have"},
	{"expires_in", func(r config.Rule) bool { return r.ExpiresIn != 0 }, isExpiry, "an end, as artifact.expiring has"},
}

// wantsName reports whether n does not hold where there is no name.
func wantsName(n *config.Names) bool {
	return n != nil && (n.Regex != "" || n.Glob != nil || n.List != nil)
}

func isBuild(t event.Type) bool   { return strings.HasPrefix(string(t), "build.") }
func isFinding(t event.Type) bool { return t == event.ScanCompleted || t == event.VulnerabilityFound }
func isExpiry(t event.Type) bool  { return t == event.ArtifactExpiring }
func notOurs(t event.Type) bool   { return !strings.HasPrefix(string(t), "bellbuoy.") }

func hasArtifact(t event.Type) bool {
	switch t {
	case event.RepositoryDeleted, event.RetentionCompleted, event.RegistrySilent, event.RegistryBack:
		return false
	}
	return true
}

// hasStatus reports whether events of type t say how something ended.
func hasStatus(t event.Type) bool {
	family, _, _ := strings.Cut(string(t), ".")
	return family == "build" || family == "scan" || family == "replication" || family == "delivery_chain" || t == event.ArtifactSigned
}

// warn says which conditions of r hold for no event of types, so that r never fires, and
// which of its events they keep out altogether.
func (c *compiler) warn(r config.Rule, types map[event.Type][]event.Status) {
	if len(types) == 0 {
		return // which is a fault
	}
	some := func(suits func(event.Type) bool) bool {
		for t := range types {
			if suits(t) {
				return true
			}
		}
		return false
	}
	for _, n := range needs {
		switch {
		case !n.has(r):
		case !some(n.suits):
			c.faults = append(c.faults, config.Warningf(c.path+"."+n.key, "no event that the rule takes has %s, so the rule never fires: name other events, or remove the key", n.types))
		default:
			for i, pattern := range r.Events {
				if of := typesLike(typeIn(pattern)); of != nil && !slices.ContainsFunc(of, n.suits) {
					c.faults = append(c.faults, config.Warningf(fmt.Sprintf("%s.events[%d]", c.path, i), "no event of %q has %s, so by %s the rule takes none: name it in a rule of its own", pattern, n.types, n.key))
				}
			}
		}
	}
	if !some(func(t event.Type) bool { return types[t] == nil || hasStatus(t) }) {
		c.faults = append(c.faults, config.Warningf(c.path+".events", "no event that the rule takes has a status, so the rule never fires: leave out what follows the equals sign"))
	}
}
