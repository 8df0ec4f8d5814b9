package message

import (
	"fmt"
	"net/url"
	"strings"

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
