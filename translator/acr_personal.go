package translator

import (
	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/acrpersonal"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// ACRPersonal translates one notification of an ACR repository trigger, the Native of
// which is an [*acrpersonal.Push], into one event. There is no native id and no name of
// the event; a trigger fires when a tag is new or moved.
//
// The time is China's wall clock, whichever the region, as it is where anybody looked.
// The registry's host is not told: a region has a public and an internal one, and an
// Enterprise instance its own.
//
// Dropped: repository.date_created, which is when the repository was made;
// repo_authentication_type and repo_origin_type, which are NO_CERTIFIED ever since.
func ACRPersonal(src Source, n adapters.Notification) []event.Event {
	p, ok := n.Native.(*acrpersonal.Push)
	if !ok {
		return foreign(src, n, "push of ACR")
	}
	return []event.Event{acrPush(src, p)}
}

func acrPush(src Source, p *acrpersonal.Push) event.Event {
	at, _ := acrTime(p.Data.PushedAt)
	e := src.event(event.Native{}, at, 0)
	e.Registry.Region = p.Repository.Region
	e.Repository = repository(p.Repository.FullName)
	if e.Repository != nil {
		e.Repository.Visibility = visibility(p.Repository.Type)
	}
	if p.Data.Digest != "" || p.Data.Tag != "" {
		e.Artifact = &event.Artifact{Digest: p.Data.Digest}
		if p.Data.Tag != "" {
			e.Artifact.Tags = []string{p.Data.Tag}
		}
	}
	switch {
	case p.Repository.FullName == "":
		return unknown(e, "push without repository.repo_full_name")
	case p.Data.Digest == "":
		return unknown(e, "push without push_data.digest")
	case p.Data.Tag == "":
		return unknown(e, "push without push_data.tag")
	}
	classifyByTag(e.Artifact, p.Data.Tag)
	return pushed(e, e.Artifact)
}
