package message

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Brief is what people are told of an event where no template says otherwise. Its texts
// are not escaped for any medium, but each is harmless as plain text: one line, no control
// characters, none that change the direction of writing. They hold what strangers chose,
// so a sender escapes them for its own.
type Brief struct {
	Title string // what happened, to what
	Level Level
	Facts []Fact // in the order in which they matter
	// Text is what the source itself says at more length: an error, a description. At
	// most a thousand characters; "" where there is nothing.
	Text string
	// Link is where to see more, http or https; "" where the source names no place.
	Link string
}

// Level is how a message is to be taken.
type Level string

const (
	Info    Level = "info"
	Good    Level = "good"    // something that could have failed did not
	Warning Level = "warning" // something to look at, at leisure
	Bad     Level = "bad"     // something to look at now
)

// Fact is one thing worth knowing of an event.
type Fact struct{ Name, Value string }

const (
	maxText   = 1000 // characters of [Brief.Text]
	maxValue  = 200  // characters of a fact
	maxNames  = 3    // tags that a title names
	maxGroups = 20   // groups of a digest, each a fact
)

// BriefOf says what happened. It knows every type of event; one that it does not know, of a
// later version, is told by its type and names.
func BriefOf(e event.Event) Brief {
	b := brief{Brief: Brief{Level: Info}, e: e}
	b.tell()
	b.common()
	return b.Brief
}

// brief is a Brief in the making.
type brief struct {
	Brief
	e event.Event
}

func (b *brief) title(level Level, format string, args ...any) {
	b.Level = level
	b.Title = fmt.Sprintf(format, args...)
}

// fact adds one, unless there is nothing to say.
func (b *brief) fact(name, value string) {
	if value = clip(Plain(clip(value, 2*maxValue)), maxValue); value != "" {
		b.Facts = append(b.Facts, Fact{name, value})
	}
}

// link keeps the first of addresses that people can open.
func (b *brief) link(addresses ...string) {
	for _, a := range addresses {
		u, err := url.Parse(a)
		if b.Link == "" && err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
			b.Link = u.String()
		}
	}
}

// tell writes the title and what is special to the type.
func (b *brief) tell() {
	e, what := b.e, subject(b.e)
	switch e.Type {
	case event.ArtifactPushed, event.ChartPushed:
		b.title(Info, "%s pushed", what)
	case event.ArtifactPulled, event.ChartPulled:
		b.title(Info, "%s pulled", what)
	case event.ArtifactInspected:
		b.title(Info, "%s looked up", what)
	case event.ArtifactDeleted, event.ChartDeleted, event.TagDeleted:
		b.title(Warning, "%s deleted", what)
	case event.RepositoryDeleted:
		b.title(Warning, "%s deleted, with all that was in it", repository(e))
	case event.ArtifactSigned:
		b.ended("signing of " + what)
		if e.Status == "" || e.Status == event.Succeeded {
			b.title(Good, "%s signed", what)
		}
	case event.ArtifactAttached:
		b.attached(what)
	case event.ArtifactExpiring:
		b.title(Warning, "%s is about to expire", what)
		if e.Expiry != nil && e.Expiry.Days != nil {
			b.title(Warning, "%s expires in %s", what, counted(*e.Expiry.Days, "day"))
		}
	case event.BlobPushed, event.BlobPulled, event.BlobMounted, event.BlobDeleted:
		_, verb, _ := strings.Cut(string(e.Type), ".")
		b.title(Info, "a blob of %s was %s", repository(e), verb)
	case event.BuildQueued, event.BuildStarted, event.BuildSucceeded, event.BuildFailed, event.BuildCanceled:
		b.build()
	case event.ScanCompleted:
		b.scan(what)
	case event.VulnerabilityFound:
		b.vulnerability(what)
	case event.ReplicationStarted, event.ReplicationSucceeded, event.ReplicationFailed, event.ReplicationCanceled:
		b.replication(what)
	case event.DeliveryChainCompleted:
		b.chain(what)
	case event.QuotaWarning, event.QuotaExceeded:
		b.quota()
	case event.RetentionCompleted:
		b.retention()
	case event.TargetFailing, event.TargetDisabled, event.TargetRecovered, event.Expired:
		b.target()
	case event.RegistrySilent:
		b.title(Bad, "registry %s has gone silent", word(e.Registry.Name))
	case event.RegistryBack:
		b.title(Good, "registry %s is heard again", word(e.Registry.Name))
	case event.Quarantined:
		b.title(Warning, "a notification of registry %s could not be read, and is kept in quarantine", word(e.Registry.Name))
	case event.Digest:
		b.digest()
	case event.Test:
		b.title(Info, "a test of bellbuoy's: this target can be reached")
	case event.Unknown:
		b.title(Info, "registry %s sent a notification of a kind that is not known", word(e.Registry.Name))
		b.fact("Reason", e.Reason)
	default:
		b.title(Info, "%s: %s", word(string(e.Type)), what)
	}
	b.Title = clip(b.Title, 2*maxValue)
}

func (b *brief) attached(what string) {
	kind := "something"
	a := b.e.Artifact
	if a != nil {
		switch a.Kind {
		case event.KindSBOM:
			kind = "an SBOM"
		case event.KindAttestation, event.KindImage, event.KindIndex:
			kind = "an " + string(a.Kind)
		case event.KindSignature, event.KindChart, event.KindModel:
			kind = "a " + string(a.Kind)
		case event.KindWasm:
			kind = "a wasm module"
		}
	}
	b.title(Info, "%s attached in %s", kind, what)
	if a != nil && a.Subject != "" {
		b.title(Info, "%s attached to %s@%s", kind, repository(b.e), word(short(a.Subject)))
	}
}

// ended writes the title of something that takes time.
func (b *brief) ended(what string) {
	switch b.e.Status {
	case event.Failed:
		b.title(Bad, "%s failed", what)
	case event.Denied:
		b.title(Bad, "%s was denied", what)
	case event.Canceled, event.Stopped:
		b.title(Warning, "%s was %s", what, word(string(b.e.Status)))
	case event.Started, event.Queued:
		b.title(Info, "%s was %s", what, word(string(b.e.Status)))
	default:
		b.title(Good, "%s succeeded", what)
	}
}

func (b *brief) build() {
	e := b.e
	what := "build of " + repository(e)
	if e.Build != nil && len(e.Build.Tags) > 0 {
		what = "build of " + named(repository(e), e.Build.Tags)
	}
	_, status, _ := strings.Cut(string(e.Type), ".")
	b.e.Status = event.Status(status)
	b.ended(what)
	if e.Build == nil {
		return
	}
	if c := e.Build.Commit; c != nil {
		b.fact("Commit", c.SHA[:min(len(c.SHA), 12)])
		b.fact("Branch", strings.TrimPrefix(strings.TrimPrefix(c.Ref, "refs/heads/"), "refs/tags/"))
		b.fact("Message", firstLine(c.Message))
		b.fact("Author", c.Author)
	}
	if t := e.Build.Trigger; t != nil {
		b.fact("Started by", or(t.User, t.Kind))
	}
	b.Text = prose(e.Build.Error)
	b.link(e.Build.URL)
	if e.Build.Commit != nil {
		b.link(e.Build.Commit.URL)
	}
}

func (b *brief) scan(what string) {
	s := b.e.Scan
	kind := "scan of "
	if s != nil && s.Kind == event.ScanSBOM {
		kind = "SBOM of "
	}
	b.ended(kind + what)
	if s == nil {
		return
	}
	if b.e.Status == event.Succeeded && s.Kind != event.ScanSBOM {
		b.title(worst(s.Severity), "%s scanned: %s", what, findings(s.Counts, s.Total))
	}
	b.counts(s.Counts, s.Total, s.Fixable)
	if s.Scanner != nil {
		b.fact("Scanner", strings.TrimSpace(s.Scanner.Name+" "+s.Scanner.Version))
	}
}

// worst is the level of a finding.
func worst(s event.Severity) Level {
	switch s {
	case event.SeverityCritical, event.SeverityHigh:
		return Bad
	case event.SeverityMedium, event.SeverityLow:
		return Warning
	}
	return Info
}

func (b *brief) vulnerability(what string) {
	v := b.e.Vulnerability
	switch {
	case v == nil:
		b.title(Warning, "a vulnerability was found in %s", what)
		return
	case v.ID == "":
		b.title(worst(v.Severity), "%s: %s", what, findings(v.Counts, v.Total))
	default:
		b.title(worst(v.Severity), "%s in %s, severity %s", word(v.ID), what, word(string(v.Severity)))
	}
	b.counts(v.Counts, v.Total, v.Fixable)
	if v.HasFix != nil {
		b.fact("Fix", map[bool]string{true: "there is one", false: "there is none yet"}[*v.HasFix])
	}
	b.Text = prose(v.Description)
	b.link(v.Links...)
}

// findings says how many there are, the worst first.
func findings(counts map[event.Severity]int, total *int) string {
	var parts []string
	for _, s := range event.Severities() {
		if n := counts[s]; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if total != nil {
		sum = *total
	}
	switch {
	case len(parts) > 0:
		return fmt.Sprintf("%s of %s", strings.Join(parts, ", "), counted(float64(sum), "finding"))
	case total != nil || counts != nil:
		return counted(float64(sum), "finding")
	}
	return "findings"
}

func (b *brief) counts(counts map[event.Severity]int, total, fixable *int) {
	var parts []string
	for _, s := range event.Severities() {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	b.fact("Findings", strings.Join(parts, ", "))
	if len(parts) == 0 && total != nil {
		b.fact("Findings", strconv.Itoa(*total))
	}
	if fixable != nil {
		b.fact("With a fix", strconv.Itoa(*fixable))
	}
}

func (b *brief) replication(what string) {
	r := b.e.Replication
	_, status, _ := strings.Cut(string(b.e.Type), ".")
	b.e.Status = event.Status(status)
	b.ended("replication of " + what)
	if r == nil {
		return
	}
	b.fact("From", end(r.Source))
	b.fact("To", end(r.Destination))
	if n := len(r.Succeeded); n > 0 {
		b.fact("Copied", contents(r.Succeeded))
	}
	if n := len(r.Failed); n > 0 {
		b.fact("Not copied", contents(r.Failed))
	}
	b.Text = prose(r.Message)
}

func end(e *event.ReplicationEnd) string {
	if e == nil {
		return ""
	}
	return or(e.Registry, or(e.Endpoint, e.Region))
}

func contents(list []event.ReplicatedContent) string {
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return some(names)
}

func (b *brief) chain(what string) {
	c := b.e.DeliveryChain
	run := "delivery chain of " + what
	if c != nil && c.Name != "" {
		run = "delivery chain " + word(c.Name) + " of " + what
	}
	b.ended(run)
}

func (b *brief) quota() {
	where := or(repository(b.e), b.e.Registry.Name)
	if b.e.Type == event.QuotaExceeded {
		b.title(Bad, "quota of %s is used up", where)
	} else {
		b.title(Warning, "quota of %s is nearly used up", where)
	}
	q := b.e.Quota
	if q == nil {
		return
	}
	if q.Percent != nil {
		b.fact("In use", strconv.FormatFloat(*q.Percent, 'f', -1, 64)+" %")
	}
	if q.Used != nil && q.Limit != nil {
		b.fact("Space", size(*q.Used)+" of "+size(*q.Limit))
	}
	b.Text = prose(q.Message)
}

func (b *brief) retention() {
	r := b.e.Retention
	b.title(Info, "tag retention ran on %s", repository(b.e))
	if r == nil {
		return
	}
	b.fact("Kept", fmt.Sprintf("%d of %d", r.Retained, r.Total))
	var gone []string
	for _, d := range r.Deleted {
		gone = append(gone, d.Name)
	}
	b.fact("Deleted", some(gone))
}

func (b *brief) target() {
	t := b.e.Target
	if t == nil {
		t = &event.Target{Name: "unknown"}
	}
	target := "target " + word(t.Name)
	switch b.e.Type {
	case event.TargetFailing:
		b.title(Bad, "%s is failing", target)
	case event.TargetDisabled:
		b.title(Bad, "%s was disabled; what comes for it is parked", target)
	case event.TargetRecovered:
		b.title(Good, "%s works again", target)
	case event.Expired:
		b.title(Bad, "%s for %s expired: it was not there for too long", counted(float64(t.Deliveries), "delivery", "deliveries"), target)
	}
	b.Text = prose(t.Reason)
	if t.Failures > 0 {
		b.fact("Failed in a row", counted(float64(t.Failures), "delivery", "deliveries"))
	}
	if t.Since != nil {
		b.fact("Since", clock(*t.Since))
	}
}

func (b *brief) digest() {
	d := b.e.Digested
	if d == nil {
		b.title(Info, "%s", counted(float64(len(b.e.Digest)), "more event"))
		return
	}
	var parts []string
	rest := d.Count
	var last event.Type
	for i, g := range d.Groups {
		one, many, in := nouns(g.Type)
		where := or(g.Repository, g.Registry)
		if i < maxGroups {
			b.fact(word(where), counted(float64(g.Count), one, many))
		}
		if i >= maxNames {
			continue
		}
		rest -= g.Count
		switch {
		case g.Type == last:
			parts = append(parts, fmt.Sprintf("%d %s %s", g.Count, in, word(where)))
		case last == "":
			parts = append(parts, counted(float64(g.Count), "more "+one, "more "+many)+" "+in+" "+word(where))
		default:
			parts = append(parts, counted(float64(g.Count), one, many)+" "+in+" "+word(where))
		}
		last = g.Type
	}
	if left := len(d.Groups) - maxGroups; left > 0 {
		b.fact("And", counted(float64(left), "more group"))
	}
	if rest > 0 {
		parts = append(parts, counted(float64(rest), "other event"))
	}
	level := Info
	for _, g := range d.Groups {
		if l := levelOf(g); worse(l, level) {
			level = l
		}
	}
	b.title(level, "%s", strings.Join(parts, ", "))
}

// levelOf is the level of each event of a group.
func levelOf(g event.DigestGroup) Level {
	return BriefOf(event.Event{Type: g.Type, Status: g.Status}).Level
}

// worse reports whether a is more to worry about than b.
func worse(a, b Level) bool {
	rank := map[Level]int{Warning: 1, Bad: 2}
	return rank[a] > rank[b]
}

// nouns are what one and many events of a type are called, and how they stand to their
// repository.
func nouns(t event.Type) (one, many, in string) {
	switch t {
	case event.ArtifactPushed:
		return "push", "pushes", "to"
	case event.ChartPushed:
		return "chart push", "chart pushes", "to"
	case event.ArtifactPulled, event.ChartPulled:
		return "pull", "pulls", "from"
	case event.ArtifactDeleted, event.ChartDeleted:
		return "deletion", "deletions", "in"
	case event.TagDeleted:
		return "deleted tag", "deleted tags", "in"
	case event.ArtifactSigned:
		return "signature", "signatures", "in"
	case event.ArtifactAttached:
		return "attachment", "attachments", "in"
	case event.BuildQueued:
		return "queued build", "queued builds", "of"
	case event.BuildStarted:
		return "started build", "started builds", "of"
	case event.BuildSucceeded:
		return "build", "builds", "of"
	case event.BuildFailed:
		return "failed build", "failed builds", "of"
	case event.BuildCanceled:
		return "canceled build", "canceled builds", "of"
	case event.ScanCompleted:
		return "scan", "scans", "of"
	case event.VulnerabilityFound:
		return "finding", "findings", "in"
	case event.ReplicationFailed:
		return "failed replication", "failed replications", "of"
	case event.ReplicationSucceeded:
		return "replication", "replications", "of"
	}
	name := word(string(t))
	return name + " event", name + " events", "of"
}

// common adds what all events may have.
func (b *brief) common() {
	e := b.e
	if a := e.Artifact; a != nil {
		if len(a.Tags) > 1 {
			b.fact("Tags", some(a.Tags))
		}
		if strings.Contains(a.Digest, ":") {
			b.fact("Digest", short(a.Digest))
		}
		if a.Kind != "" && a.Kind != event.KindUnknown {
			b.fact("Kind", string(a.Kind))
		}
		var platforms []string
		for _, p := range a.Platforms {
			platforms = append(platforms, strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/"))
		}
		b.fact("Platforms", some(platforms))
	}
	if e.Repository != nil {
		b.link(e.Repository.URL)
	}
	if e.Artifact != nil {
		b.link(e.Artifact.URL) // which may be the API's
	}
	if e.Actor != nil {
		b.fact("By", e.Actor.Name)
	}
	if !strings.HasPrefix(string(e.Type), "bellbuoy.") || e.Type == event.Quarantined {
		b.fact("Registry", e.Registry.Name)
	}
	if !e.Time.IsZero() {
		b.fact("Time", clock(e.Time))
	}
}

// subject names what an event is about: prod/api:v1, or as much of it as there is.
func subject(e event.Event) string {
	where := repository(e)
	if e.Artifact == nil {
		return where
	}
	if len(e.Artifact.Tags) > 0 {
		return named(where, e.Artifact.Tags)
	}
	if e.Artifact.Digest != "" {
		return where + "@" + word(short(e.Artifact.Digest))
	}
	return where
}

// named is a repository with its tags: prod/api:v1 (and 2 more).
func named(where string, tags []string) string {
	first := where + ":" + word(tags[0])
	switch len(tags) {
	case 1:
		return first
	case 2:
		return first + " (and " + word(tags[1]) + ")"
	}
	return fmt.Sprintf("%s (and %d more)", first, len(tags)-1)
}

func repository(e event.Event) string {
	if e.Repository == nil {
		return "registry " + word(e.Registry.Name)
	}
	return word(or(e.Repository.FullName, e.Repository.Namespace))
}

// word is a stranger's word within a title.
func word(s string) string { return clip(Plain(clip(s, maxValue)), maxValue/2) }

// some is the first of a list.
func some(list []string) string {
	const most = 10
	shown := slices.Clone(list[:min(len(list), most)])
	if left := len(list) - len(shown); left > 0 {
		shown = append(shown, fmt.Sprintf("%d more", left))
	}
	return strings.Join(shown, ", ")
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return trunc(n, s)
}

func prose(s string) string { return clip(strings.TrimSpace(Plain(clip(s, 2*maxText))), maxText) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// counted is a number of things; many is the plural where it is not one with an s.
func counted(n float64, one string, many ...string) string {
	noun := one + "s"
	if len(many) > 0 {
		noun = many[0]
	}
	if n == 1 {
		noun = one
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " " + noun
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// size is a number of bytes for people.
func size(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for ; f >= 1024 && unit < 5; unit++ {
		f /= 1024
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}
