package translator

import (
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// foreign says of a notification that is not want where it belongs, as far as its
// adapter has found out.
func foreign(src Source, n adapters.Notification, want string) []event.Event {
	s, ok := n.Native.(adapters.Stray)
	e := src.event(event.Native{Type: s.Type}, time.Time{}, 0)
	e.ID = src.derivedID(n.ID, 0)
	if !ok {
		return []event.Event{unknown(e, fmt.Sprintf("the adapter read a %T, which is no %s", n.Native, want))}
	}
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
