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
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// registryType is what bellbuoy can do with the registries of one type: how their
// notifications arrive, and what they mean.
type registryType struct {
	adapter   adapters.Adapter
	translate func(translator.Source, adapters.Notification) []event.Event
}

// registryTypes is the table of registry types: a new one is one line.
func registryTypes() map[string]registryType {
	return map[string]registryType{
		"acr":          {acr.Adapter{}, translator.ACR},
		"acr-personal": {acrpersonal.Adapter{}, translator.ACRPersonal},
		"cloudevents":  {cloudevents.Adapter{}, translator.CloudEvents},
		"distribution": {distribution.Adapter{}, translator.Distribution},
		"harbor":       {harbor.Adapter{}, translator.Harbor},
		"quay":         {quay.Adapter{}, translator.Quay},
		"tcr":          {tcr.Adapter{}, translator.TCR},
	}
}

// waitsFor is how long a registry of a type waits for the answer to a notification as
// its makers ship it, 0 where that is not known. What has an id needs none.
func waitsFor(typ string) time.Duration {
	switch typ {
	case "harbor":
		return 3 * time.Second
	case "quay":
		return 10 * time.Second
	}
	return 0
}
