package kafka

import (
	"maps"
	"slices"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding"
)

// deliveryID is the header by which readers tell repeats: the delivery's id, the same on
// each attempt.
const deliveryID = "bellbuoy-delivery-id"

type header struct{ name, value string }

// headers are those of a record, in an order that is the same each time.
func headers(m binding.Message) []header {
	all := make([]header, 0, 2+len(m.Attributes)+len(m.Headers))
	all = append(all, header{deliveryID, m.ID})
	if m.ContentType != "" {
		all = append(all, header{"content-type", m.ContentType})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		all = append(all, header{"ce_" + name, m.Attributes[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		all = append(all, header{name, m.Headers[name]})
	}
	return all
}
