package store

import (
	"encoding/json"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Arrival is one request of a registry, to be written down whole or not at all.
type Arrival struct {
	Registry string
	Received time.Time
	Remote   string            // address that it came from
	Headers  map[string]string // without those that hold secrets
	Body     Raw
	Items    []Item
	// Counted are events that are not stored, by type.
	Counted map[event.Type]int
	// Quarantine is why the body could not be read; then there are no Items.
	Quarantine string
}

// Raw is a body as it came: whole, or its first bytes where it was too large to keep.
type Raw struct {
	Bytes     []byte
	Size      int64 // of the whole
	SHA256    [32]byte
	Truncated bool
}

// Item is one event of an arrival.
type Item struct {
	Event event.Event
	// Dedupe says that Event.ID is derived from a native id, or is that of the event
	// whose retry this is known to be: a second item with that id is a repeat. Fingerprint is over the notification's own bytes; a repeat
	// with another one is a conflict, and the first is kept.
	Dedupe      bool
	Fingerprint [32]byte
	// Hold is set where the event cannot be routed yet; Routing is empty then.
	Hold    *Hold
	Routing Routing

	keys string // see the function of that name
}

// Hold says why an event waits to be routed, and until when at the latest.
type Hold struct {
	Reason  string // "lookup" or "fold"
	RouteAt time.Time
}

// Routing is what the rules made of one event.
type Routing struct {
	JSON       []byte   // the event, encoded; these bytes are stored, shown and sent
	RuleSet    string   // hash of the rule set that judged it; see PutRuleSet
	Matched    []string // rules that matched, in the config's order
	Deliveries []Planned
}

// Planned is one delivery to be made.
type Planned struct {
	ID     string // a UUIDv7
	Target string
	Type   string // of the target
	Rule   string // the first rule that asked for it
	Rules  []string
	Key    string // deliveries of one target with the same key are attempted in order; empty = none
	Due    time.Time
	GiveUp time.Time // no attempt is planned for after this
	// Hold is how long a retry may hold back later deliveries of its Key; 0 = until it ends.
	Hold time.Duration
	// Rendering says how the message is made, in words of package render's, where the
	// rule says otherwise than the target; empty = as the target says.
	Rendering string
}

// Accepted is what became of one Arrival.
type Accepted struct {
	IDs         []string // events newly stored
	Duplicates  int      // repeats, of which Conflicts had other bytes
	Conflicts   int
	Quarantined int
}

// Held is an event whose time to be routed has come.
type Held struct {
	ID       string
	Registry string
	Reason   string
	RouteAt  time.Time
	Event    event.Event // as it was when accepted
	Raw      Raw
	Headers  map[string]string
}

// State is where a delivery stands.
type State string

const (
	Waiting   State = "waiting"
	Parked    State = "parked"
	Delivered State = "delivered"
	Dead      State = "dead"
	Expired   State = "expired"
	Cancelled State = "cancelled"
	Skipped   State = "skipped"
	Shadowed  State = "shadowed"
	Folded    State = "folded"
)

// States returns every state.
func States() []State {
	return []State{Waiting, Parked, Delivered, Dead, Expired, Cancelled, Skipped, Shadowed, Folded}
}

// Claimed is one delivery that this process may attempt now, and no one else.
type Claimed struct {
	Seq     int64 // order of acceptance
	Lease   int64 // the number under which it is claimed
	ID      string
	Target  string
	Type    string
	Key     string
	Attempt int             // the number of the attempt to be made, 1 on the first
	Earlier int             // attempts that it had before it was last asked for again
	Shadow  bool            // the request is to be made and kept, and not sent
	Event   json.RawMessage // as stored
	Resume  []byte
	GiveUp  time.Time
	// Rendering is as planned.
	Rendering string
	// Probe says that the target's circuit is open, and that this one delivery is sent to
	// find out whether it answers again. Probes is how many of its attempts were such:
	// Attempt does not count them.
	Probe  bool
	Probes int
}

// Outcome is how one claimed delivery's attempt ended, or that it was given back. One
// without a plugin.Outcome ended without an attempt: it is Skipped, say.
type Outcome struct {
	Seq     int64
	Lease   int64 // as claimed; 0 = that of now
	Target  string
	Key     string // as claimed; where it is to be tried again, others of the key are held back
	Attempt int    // as claimed; an outcome of a claim that is no longer held changes nothing
	// Returned says that no attempt was made: the claim ends, nothing is counted.
	Returned bool
	State    State  // Waiting (then Next says when), Delivered, Dead, ...
	Reason   string // of an end state, where there is one: "given up after 72h"
	Next     time.Time
	Time     time.Time // when the attempt began
	Outcome  plugin.Outcome
	Receipt  plugin.Receipt
	Error    string // no secrets in it
	// Native: a body that is empty in the receipt is the one that the registry posted,
	// and not the event's JSON.
	Native bool
	// Probe and Probes are as claimed.
	Probe  bool
	Probes int
	// Asked is before when the target wishes to hear nothing; zero = it did not say.
	Asked time.Time
}

// Query chooses events. Zero fields do not narrow. Its JSON, whose names are those of the
// API, is kept with runs and shown in the audit.
type Query struct {
	ID         string    `json:"id,omitempty"` // of the event
	Type       string    `json:"type,omitempty"`
	Registry   string    `json:"registry,omitempty"`
	Repository string    `json:"repository,omitempty"`
	Tag        string    `json:"tag,omitempty"`
	Digest     string    `json:"digest,omitempty"`
	Rule       string    `json:"rule,omitempty"`
	Target     string    `json:"target,omitempty"`
	NativeID   string    `json:"native_id,omitempty"`
	Outcome    string    `json:"outcome,omitempty"` // a State: events with a delivery in it
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Limit      int       `json:"limit,omitempty"`  // 1 to 1000; 0 = 50
	Before     string    `json:"before,omitempty"` // cursor: Page.Next, or Listed.Cursor of the last one seen
}

// Page is a part of a list.
type Page struct {
	Events []Listed
	Next   string // what to look for the rest before; "" where there is none
}

// Listed is one event of a list.
type Listed struct {
	Event      json.RawMessage
	Deliveries map[State]int
	// Chosen are the deliveries that the query names by rule, target or outcome; nil
	// where it names none of these.
	Chosen []ChosenDelivery
	Cursor string
}

// ChosenDelivery is one delivery of a listed event.
type ChosenDelivery struct {
	ID     string     `json:"id"`
	Rules  []string   `json:"rules"`
	Target string     `json:"target"`
	State  State      `json:"state"`
	Began  *time.Time `json:"began"` // when it was first attempted; null until then
}

// Trace is all that is known of one event.
type Trace struct {
	Event      json.RawMessage  `json:"event"`
	State      string           `json:"state"` // "routed", or "held" with Hold
	Hold       *Hold            `json:"hold,omitempty"`
	Received   Received         `json:"received"`
	ReplayOf   *Replayed        `json:"replay_of,omitempty"` // the event that this is a replay of
	Replays    []Replayed       `json:"replays,omitempty"`   // of this
	RuleSet    string           `json:"rule_set,omitempty"`
	Matched    []string         `json:"matched,omitempty"`
	Deliveries []TracedDelivery `json:"deliveries"`
}

// Received is the request that an event came in.
type Received struct {
	Time      time.Time         `json:"time"`
	Remote    string            `json:"remote"`
	Headers   map[string]string `json:"headers"`
	Body      []byte            `json:"-"` // as it came; the API decides how to show it
	Size      int64             `json:"size"`
	SHA256    string            `json:"sha256"`
	Truncated bool              `json:"truncated,omitempty"`
	// Repeats counts later notifications with the same native id, and known retries of
	// those without one; Conflicts those of them with other bytes.
	Repeats   int `json:"repeats"`
	Conflicts int `json:"conflicts"`
}

// TracedDelivery is one delivery in a trace.
type TracedDelivery struct {
	ID     string     `json:"id"`
	Rule   string     `json:"rule"`
	Rules  []string   `json:"rules"`
	Target string     `json:"target"`
	Type   string     `json:"type"`
	State  State      `json:"state"`
	Next   *time.Time `json:"next"` // when the next attempt is due; null in an end state
	Reason string     `json:"reason,omitempty"`
	// Rendering is what the rule says of the message, where it says something.
	Rendering json.RawMessage `json:"rendering,omitempty"`
	Attempts  []Attempt       `json:"attempts"`
	// Redeliveries are how it was asked for again, or came to be made of another.
	Redeliveries []Redelivered `json:"redeliveries,omitempty"`
	Shadow       *Shadowing    `json:"shadow,omitempty"`
}

// Attempt is one attempt in a trace.
type Attempt struct {
	Time      time.Time      `json:"time"`
	Outcome   plugin.Outcome `json:"outcome"`
	Status    int            `json:"status"`
	LatencyMS float64        `json:"latency_ms"`
	Request   plugin.Request `json:"request"`
	Reply     string         `json:"reply"`
	Scope     plugin.Scope   `json:"scope,omitempty"`
	Error     string         `json:"error,omitempty"`
	Next      *time.Time     `json:"next,omitempty"`
}

// Quarantined is one body that could not be read.
type Quarantined struct {
	ID        string    `json:"id"`
	Registry  string    `json:"registry"`
	Received  time.Time `json:"received"` // the first time
	Reason    string    `json:"reason"`
	Size      int64     `json:"size"`
	Count     int       `json:"count"` // how often the same bytes came
	SHA256    string    `json:"sha256"`
	Remote    string    `json:"remote"`
	Truncated bool      `json:"truncated,omitempty"`
	// Headers and Body are there only where one is asked for.
	Headers map[string]string `json:"headers,omitempty"`
	Body    []byte            `json:"-"`
}
