package config

import (
	"regexp"
	"slices"
	"strconv"
	"time"
)

// The bounds of a target's settings.
const (
	minTimeout     = Duration(time.Second)
	maxTimeout     = Duration(60 * time.Second)
	maxDelay       = Duration(24 * time.Hour)
	minLastDelay   = Duration(10 * time.Millisecond) // it repeats: zero would never rest
	minGiveUpAfter = Duration(time.Second)
	maxGiveUpAfter = Duration(30 * 24 * time.Hour)
	maxHold        = maxGiveUpAfter
	maxConcurrency = 1000
	maxSends       = 1_000_000 // of a rate
	minRateWindow  = Duration(time.Second)
	maxRateWindow  = Duration(24 * time.Hour)
	maxDigestAfter = 1_000_000
	maxDisable     = 1_000_000
	minParkFor     = Duration(time.Minute)
	maxParkFor     = Duration(10 * 365 * 24 * time.Hour)
	minAge         = Duration(time.Minute)
	maxAge         = maxParkFor
	minSize        = Size(64 << 20)
	maxSchedule    = 100
)

// checker knows the names that others may refer to.
type checker struct {
	*Config
	known               Known
	registries, targets nameSet
	types               nameSet // of targets
	faults              Faults
	// compared counts the names that were looked at for one that was perhaps meant.
	compared int
}

// maxCompared is how many names are looked at for those that were perhaps meant: enough
// for each of 500 misspelt ones among 10 000, and about half a second.
const maxCompared = 5_000_000

// check finds what is wrong with c beyond the shape of the file. What could not be
// decoded is absent or at its default here, so that nothing is blamed twice.
func (c *Config) check(known Known) Faults {
	k := checker{Config: c, known: known, faults: c.checkListeners()}
	k.checkStore()
	k.checkSecrets()
	k.tls("tls", c.TLS)
	k.admin(&c.Admin)
	k.registries = k.names("registries", len(c.Registries), func(i int) string { return c.Registries[i].Name })
	for i, r := range c.Registries {
		k.ownName(item("registries", i)+".name", r.Name)
	}
	k.targets = k.names("targets", len(c.Targets), func(i int) string { return c.Targets[i].Name })
	k.names("rules", len(c.Rules), func(i int) string { return c.Rules[i].Name })
	k.unknown("metrics", "word", c.Metrics, nameSet{list: []string{"open", "token"}})
	if r := c.Retention; r.Age < minAge || r.Age > maxAge {
		k.fault("retention.age", "%v is out of range: write %v to %v", r.Age, minAge, maxAge)
	}
	if r := c.Retention; r.Size < minSize {
		k.fault("retention.size", "%v is too small: write %v or more", r.Size, minSize)
	}
	for i, t := range c.Keep {
		k.unknown(item("keep", i), "event type", t, nameSet{list: known.EventTypes})
	}
	k.checkEgress()
	k.mail()
	k.types = k.plugins(c.Plugins)
	for i, r := range c.Registries {
		k.registry(item("registries", i), r)
	}
	for i, t := range c.Targets {
		k.target(item("targets", i), t)
	}
	for i := range c.Rules {
		k.rule(item("rules", i), &c.Rules[i])
	}
	return k.faults
}

func item(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func (k *checker) fault(path, format string, args ...any) {
	k.faults = append(k.faults, Faultf(path, format, args...))
}

// ownRegistry is the registry that bellbuoy's own events are from.
const ownRegistry = "bellbuoy"

// namePattern is what names are.
const namePattern = `^[a-z0-9][a-z0-9._-]*$`

var nameRegexp = regexp.MustCompile(namePattern)

// nameSet is a list of names, with an index where it may be long.
type nameSet struct {
	list  []string
	index map[string]int
}

func (s nameSet) has(name string) bool {
	if s.index == nil {
		return slices.Contains(s.list, name)
	}
	_, ok := s.index[name]
	return ok
}

// names finds names that are no names and those that two of a kind share, and
// returns all of them. An empty one is missing, which the decoder said.
func (k *checker) names(kind string, count int, name func(int) string) nameSet {
	set := nameSet{make([]string, 0, count), make(map[string]int, count)}
	for i := range count {
		n, path := name(i), item(kind, i)+".name"
		if n == "" {
			continue
		}
		if first, ok := set.index[n]; ok {
			other := item(kind, first)
			k.fault(path, "%q is the name of %s too, in line %d: give one of them another", n, other, k.lines[dotted(other+".name")])
			continue
		}
		k.name(path, n)
		set.list = append(set.list, n)
		set.index[n] = i
	}
	return set
}

// name finds fault with a name that is none.
func (k *checker) name(path, n string) {
	if n != "" && !nameRegexp.MatchString(n) {
		k.fault(path, `%q is no name: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`, n)
	}
}

// ownName finds fault with the name of a registry that is bellbuoy's.
func (k *checker) ownName(path, n string) {
	if n == ownRegistry {
		k.fault(path, "%q is the registry that bellbuoy's own events are from: give this one another name", ownRegistry)
	}
}

func (k *checker) registry(path string, r Registry) {
	k.unknown(path+".type", "registry type", r.Type, nameSet{list: k.known.RegistryTypes})
	_, given := k.lines[dotted(path+".auth")]
	if missing := r.Auth == nil && !given || r.Auth != nil && len(r.Auth) == 0; missing && reachable(k.Listen) {
		k.fault(path+".auth", "is missing, and listen (%s) can be reached from outside: add what the registry must show, one of %s, such as auth: {bearer: {file: /run/secrets/%s}}", k.Listen, and(authKinds[:]), r.Name)
	}
	k.lookup(path, r)
	for i, a := range r.Auth {
		at := path + ".auth"
		if _, list := k.lines[dotted(item(at, i))]; list {
			at = item(at, i)
		}
		k.credential(at, a)
	}
}

func (k *checker) target(path string, t Target) {
	if file, ok := apart()[t.Type]; ok && k.types.list != nil && !k.types.has(t.Type) {
		k.fault(path+".type", `%q is served by %s, which comes beside bellbuoy: put that file into the folder of plugins.dir, `+
			`and what "bellbuoy plugins hash --type %s FILE" prints into plugins.pins`, t.Type, file, t.Type)
	} else {
		k.unknown(path+".type", "target type", t.Type, k.types)
	}
	k.allowed(path, t.Type)
	k.unknown(path+".order", "order", t.Order, nameSet{list: []string{"repository", "none"}})
	within := func(key string, d, least, most Duration) {
		if d < least || d > most {
			k.fault(path+"."+key, "%v is out of range: write %v to %v", d, least, most)
		}
	}
	within("hold", t.Hold, 0, maxHold)
	within("timeout", t.Timeout, minTimeout, maxTimeout)
	within("park_for", t.ParkFor, minParkFor, maxParkFor)
	if r := t.Rate; r != nil && r.Sends != 0 {
		if within("rate", r.Per, minRateWindow, maxRateWindow); r.Sends > maxSends {
			k.fault(path+".rate", "%d sends are out of range: write 1 to %d, or 0 for no limit", r.Sends, maxSends)
		}
	}
	if d := t.Digest; d != nil && (d.After < 0 || d.After > maxDigestAfter) {
		k.fault(path+".digest.after", "%d is out of range: write 1 to %d, or 0 for no digests", d.After, maxDigestAfter)
	}
	if t.DisableAfter < 0 || t.DisableAfter > maxDisable {
		k.fault(path+".disable_after", "%d is out of range: write 1 to %d, or 0 so that it never is", t.DisableAfter, maxDisable)
	}
	k.unknown(path+".mode", "mode", t.Mode, nameSet{list: []string{"live", "shadow"}})
	within("retry.give_up_after", t.Retry.GiveUpAfter, minGiveUpAfter, maxGiveUpAfter)
	if t.Concurrency < 0 || t.Concurrency > maxConcurrency {
		k.fault(path+".concurrency", "%d is out of range: write 1 to %d, or 0 for what suits the target's type", t.Concurrency, maxConcurrency)
	}
	last := len(t.Retry.Schedule) - 1
	if last < 0 || last >= maxSchedule {
		k.fault(path+".retry.schedule", "has %d delays: write 1 to %d, the last repeats", last+1, maxSchedule)
	}
	for i, d := range t.Retry.Schedule {
		least := Duration(0)
		if i == last {
			least = minLastDelay
		}
		within(item("retry.schedule", i), d, least, maxDelay)
	}
}

func (k *checker) rule(path string, r *Rule) {
	k.ruleAlone(path, r)
	k.references(path, r)
}

// ruleAlone checks r but for what it refers to.
func (k *checker) ruleAlone(path string, r *Rule) {
	k.untagged(path, r)
	if r.Deliver != nil && len(r.Deliver) == 0 {
		k.fault(path+".deliver", "names no target: name at least one, or remove the rule")
	}
}

// references checks what r refers to.
func (k *checker) references(path string, r *Rule) {
	for i, name := range r.Scope.Registries {
		k.unknown(item(path+".scope.registries", i), "registry", name, k.registries)
	}
	for i, d := range r.Deliver {
		at := item(path+".deliver", i)
		k.unknown(at, "target", d.Target, k.targets)
		if k.targets.has(d.Target) && slices.Contains(r.Deliver[:i], d) {
			k.faults = append(k.faults, Warningf(at, "%q is named twice: each event is delivered to it once", d.Target))
		}
	}
}

// untagged moves what r says of artifacts without a tag to its condition on tags,
// which may say it too.
func (k *checker) untagged(path string, r *Rule) {
	if r.Untagged == "" {
		return
	}
	if words := []string{"skip", "match"}; !slices.Contains(words, r.Untagged) {
		k.unknown(path+".untagged", "word", r.Untagged, nameSet{list: words})
		r.Untagged = ""
		return
	}
	if r.Tag == nil {
		r.Tag = &Tag{}
	}
	if in := r.Tag.Untagged; in != "" && in != r.Untagged {
		k.fault(path+".untagged", "is %q, and tag.untagged is %q: remove one of the two", r.Untagged, in)
	}
	r.Tag.Untagged, r.Untagged = r.Untagged, ""
}

// unknown blames name, which stands at path, where it is none of names. Nothing is
// said of an empty name, which could not be decoded, and against a nil list.
func (k *checker) unknown(path, what, name string, names nameSet) {
	if names.list == nil || name == "" || names.has(name) {
		return
	}
	hint := "see the names that there are"
	if k.compared += len(names.list); k.compared <= maxCompared {
		hint = Suggest(name, names.list)
	}
	k.fault(path, "unknown %s %q: %s", what, name, hint)
}
