package quay

import (
	"strings"

	"github.com/bellbuoy/bellbuoy/adapters"
)

const (
	// MaxList is how much is kept of a list in a large body.
	MaxList = 200
	// maxString is how long a text in a large body may be.
	maxString = 1 << 10
)

// trim drops what makes a notification large. What names the thing that happened stays
// as it is.
func trim(n *Notification) {
	if len(n.Event) > maxString { // none of Quay's, and must not become a name that is
		n.Event = strings.ToValidUTF8(n.Event[:maxString], "")
	}
	short(&n.Homepage, &n.DockerURL, &n.Message, n.ErrorMessage, &n.BuildName, &n.ImageID)
	cut(&n.Tags, &n.DockerTags, &n.ManifestDigests)
	if v := n.Vulnerability; v != nil {
		short(&v.Description, &v.Link, &v.Priority)
	}
	for i := range n.Vulnerabilities {
		v := &n.Vulnerabilities[i]
		short(&v.Description, &v.Link, &v.Priority)
	}
	if m := n.TriggerMetadata; m != nil {
		short(&m.GitURL, &m.DefaultBranch)
		if c := m.CommitInfo; c != nil {
			short(&c.URL, &c.Message, &c.Author.Username, &c.Author.URL, &c.Committer.Username, &c.Committer.URL)
		}
	}
}

func short(texts ...*string) {
	for _, s := range texts {
		if s != nil && len(*s) > maxString {
			*s = ""
		}
	}
}

func cut(lists ...*[]string) {
	for _, l := range lists {
		if len(*l) > MaxList {
			*l = append([]string(nil), (*l)[:MaxList]...)
		}
	}
}

// bound reports, as an [adapters.Unreadable] error, that n would become events of more
// than [adapters.MaxBody] in all: each of many tags or vulnerabilities becomes one, and
// each has the names that they share. Quay's own come nowhere near.
func (n *Notification) bound() error {
	each := adapters.EventSize + len(n.Event) + 2*len(n.Repository) + len(n.Namespace) + len(n.DockerURL) + len(n.Homepage)
	vulnerabilities := max(1, len(n.Vulnerabilities))
	if n.Vulnerability != nil {
		vulnerabilities++
	}
	tags, digests := 0, 0
	for _, t := range n.Tags {
		tags += len(t)
		if strings.Contains(t, ":") {
			digests++
		}
	}
	events := max(len(n.UpdatedTags), vulnerabilities*(1+digests))
	if events*each+vulnerabilities*tags > adapters.MaxBody {
		return adapters.Unreadablef("it would become up to %d events, of together more than %d MiB: too much for one notification", events, adapters.MaxBody>>20)
	}
	return nil
}
