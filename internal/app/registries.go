package app

import (
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/acr"
	"github.com/bellbuoy/bellbuoy/adapters/acrpersonal"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/adapters/quay"
	"github.com/bellbuoy/bellbuoy/adapters/tcr"
	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// registryType is what bellbuoy can do with the registries of one type: how their
// notifications arrive, and what they mean.
type registryType struct {
	adapter   adapters.Adapter
	translate func(translator.Source, adapters.Notification) []event.Event
	// lookup makes what asks such a registry, and enrich adds its answers to events; nil
	// where it cannot be asked.
	lookup func(lookup.Options) (*lookup.Source, error)
	enrich func(*event.Event, []byte) error
	// patience is how long such a registry waits for the answer to a notification, as its
	// makers ship it; 0 where that is not known, or an id tells what comes again.
	patience time.Duration
}

// registryTypes is the table of registry types: a new one is one line.
func registryTypes() map[string]registryType {
	return map[string]registryType{
		"acr":          {adapter: acr.Adapter{}, translate: translator.ACR},
		"acr-personal": {adapter: acrpersonal.Adapter{}, translate: translator.ACRPersonal},
		"cloudevents":  {adapter: cloudevents.Adapter{}, translate: translator.CloudEvents},
		"distribution": {adapter: distribution.Adapter{}, translate: translator.Distribution, lookup: lookup.Distribution, enrich: translator.Manifest},
		"harbor":       {adapter: harbor.Adapter{}, translate: translator.Harbor, lookup: lookup.Harbor, enrich: translator.HarborArtifact, patience: 3 * time.Second},
		"quay":         {adapter: quay.Adapter{}, translate: translator.Quay, patience: 10 * time.Second},
		"tcr":          {adapter: tcr.Adapter{}, translate: translator.TCR},
	}
}
