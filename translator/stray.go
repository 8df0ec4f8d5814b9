package translator

import (
	"fmt"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// stray says where the notification belongs that was posted to a registry of the wrong
// type.
func stray(src Source, s adapters.Stray) []event.Event {
	e := src.event(event.Native{Type: s.Type}, src.Received, 0)
	e.TimeSource = event.TimeReceived
	return []event.Event{unknown(e, strayReason(src.Registry.Type, s.Of))}
}

func strayReason(here string, of adapters.Family) string {
	if of == adapters.DockerHub {
		return "this is Docker Hub's webhook, which no registry type reads"
	}
	return fmt.Sprintf("this is a notification of %s, and the registry's type is %s: have it posted to a registry of type %s", product(of), here, of)
}

// product names who writes notifications of a family, for people.
func product(f adapters.Family) string {
	switch f {
	case adapters.Distribution:
		return "Distribution"
	case adapters.Harbor:
		return "Harbor 2.x"
	case adapters.Quay:
		return "Quay"
	case adapters.ACR:
		return "ACR Enterprise through EventBridge"
	case adapters.ACRPersonal:
		return "an ACR repository trigger"
	case adapters.TCR:
		return "TCR or Harbor 1.x"
	}
	return "a sender of CloudEvents"
}
