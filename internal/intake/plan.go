package intake

import (
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// Plan is what a configuration asks of the intake. It is not changed once in use; a
// reload makes another.
type Plan struct {
	Registries map[string]Registry // by name
	Targets    map[string]Target   // by name
	Rules      *rules.Set
	// Keep holds the types that are stored though they are many
	// ([event.Type.OnRequest]) and no rule asks for them.
	Keep map[event.Type]bool
}

// Registry is one registry that may post.
type Registry struct {
	Type    string
	Auth    []Credential // any one suffices; none leaves the registry open to whoever reaches the listener
	Adapter adapters.Adapter
	// Translate says what a notification that Adapter read means.
	Translate func(translator.Source, adapters.Notification) []event.Event
	// Patience is how long the registry waits for an answer, of which it knows only its
	// own; 0 = 5 s. What it sends again after that is told from something new.
	Patience time.Duration
	// Lookup is asked for what a notification leaves out, and Enrich adds what it says
	// to the event; nil where the registry is not to be asked.
	Lookup *lookup.Source
	Enrich func(*event.Event, []byte) error
}

// Target is what planning a delivery needs to know of a target.
type Target struct {
	Type        string
	Ordered     bool          // deliveries of one repository are attempted in order
	FirstDelay  time.Duration // before the first attempt
	GiveUpAfter time.Duration // from the event's acceptance on
	Hold        time.Duration // how long a retry may hold back later deliveries; 0 = until it ends
	// Message is how messages to it are made where a rule says nothing else.
	Message render.Rendering
}
