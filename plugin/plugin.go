// Package plugin is the contract between bellbuoy and its senders: what a sender
// is asked and what it answers. A sender runs in a process of its own; how the two
// talk is no part of the contract and may change under it. To write one, implement
// [Sender] and hand it to the Main of package serve.
//
// This package imports the standard library only.
package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// MaxDelivery bounds the sum of a delivery's event, body, options and templates, in bytes. The
// host does not send more: such a delivery is dead, with that as its reason.
const MaxDelivery = 3 << 20

// MaxReply is how much of a target's reply a receipt keeps, in bytes.
const MaxReply = 1 << 10

// MaxResume bounds [Receipt.Resume], in bytes.
const MaxResume = 4 << 10

// Sender carries events to the targets of one type. Its methods may be called at
// the same time from many goroutines. Each must return soon after its context ends;
// the host gives up on a sender that does not, and starts it anew.
//
// A Sender keeps nothing that it could not lose: the host may end its process at
// any time, and repeats the sends that it had no answer to.
type Sender interface {
	// Describe says what the sender is. It is the first call, and must work
	// without network, files or options.
	Describe(ctx context.Context) (Description, error)

	// Check reads a target's options, and the templates that messages to it are made
	// of, and reports all that is wrong with them at once; none but warnings means that
	// Send will accept them. It does not talk to the target.
	Check(ctx context.Context, c Check) ([]Fault, error)

	// Render makes the request that Send would make of d, secrets masked, without
	// sending it.
	Render(ctx context.Context, d Delivery) (Request, error)

	// Send makes one attempt and no more: the host repeats it. A nil error means
	// that the target has it. An error wrapped by [Permanent], [RetryAfter] or
	// [Throttled] says what to do; any other means: try again on the schedule.
	// The receipt is filled in as far as the attempt got, whatever the error.
	Send(ctx context.Context, d Delivery) (Receipt, error)
}

// Description is what a sender says of itself.
type Description struct {
	Type    string `json:"type"`    // the target type that it serves: webhook, slack, ...
	Version string `json:"version"` // of the sender, as shown to people
	// Options is the JSON Schema of a target's options.
	Options json.RawMessage `json:"options,omitempty"`
	// Secrets names the options whose values are never shown, as paths with dots;
	// "*" stands for every key of an object or item of a list: "headers.*".
	Secrets []string `json:"secrets,omitempty"`
	// Defaults hold for targets of this type that say nothing else.
	Defaults Defaults `json:"defaults"`
}

// Defaults are a type's own settings for targets that do not set them. Zero values
// leave bellbuoy's.
type Defaults struct {
	Order       string `json:"order,omitempty"`       // "repository" or "none"
	Concurrency int    `json:"concurrency,omitempty"` // sends at a time to one target
	Rate        Rate   `json:"rate,omitzero"`         // sends in any window of time; the zero Rate is no limit
	// DigestAfter is how many events may wait for one target each for itself; where there
	// are more they become one message. 0 = however many.
	DigestAfter int `json:"digest_after,omitempty"`
	// Format is the one in which messages are rendered, of those that docs/messages.md lists:
	// "cloudevents-binary". Of digests too.
	Format string `json:"format,omitempty"`
}

// Rate is a number of sends in any window of time.
type Rate struct {
	Sends int           `json:"sends"`
	Per   time.Duration `json:"per"` // in JSON nanoseconds; a millisecond to 24 hours
}

// Check is what a sender is to find fault with before it is used.
type Check struct {
	Options json.RawMessage // nil: they are not asked about
	// Template and Title are those of deliveries; "" where there is none.
	Template, Title string
	// Samples are events that they must work for, one of each type that may come.
	Samples []json.RawMessage
	// Egress is what deliveries to the target will say.
	Egress Egress
}

// Part is a part of a [Check].
type Part string

const (
	PartOptions  Part = "" // the zero Part
	PartTemplate Part = "template"
	PartTitle    Part = "title"
)

// Fault is one thing wrong with what was checked.
type Fault struct {
	// Warning says that Send will accept it all the same: what is wrong may pass, or concerns
	// people alone. A target with warnings is used.
	Warning bool   `json:"warning,omitempty"`
	Part    Part   `json:"part,omitempty"`
	Path    string `json:"path"`    // within the options: "url", "headers.X-Token"
	Message string `json:"message"` // what is wrong and what to do, lower case, no secret in it
}

// Failed reports whether one of faults is more than a warning.
func Failed(faults []Fault) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return !f.Warning })
}

// Delivery is one event on its way to one target.
type Delivery struct {
	ID      string // the same on each attempt; what a receiver can tell repeats by
	Attempt int    // 1 on the first
	Target  string // the target's name
	Type    string // the target's type
	// Options are the target's options as written in its config, secrets in clear.
	Options json.RawMessage
	// Event is the JSON of an [event.Event], byte for byte as stored.
	Event json.RawMessage
	// Body is the message as the host rendered it; nil means that Event itself is
	// the message. ContentType is its media type.
	Body        []byte
	ContentType string
	// Headers belong to the message, as the host rendered it; a sender that does not send
	// it by HTTP ignores them. Names are in canonical form, values printable ASCII.
	Headers map[string]string
	// Template makes the text of the message in the sender, and Title its title, where
	// they are not ""; see package message. They are the operator's: what comes from the
	// event is escaped for the medium. A sender whose messages have no title ignores it.
	Template string
	Title    string
	// Resume is what the last attempt's receipt asked to be given back.
	Resume []byte
	// Egress says what the sender may connect to on behalf of the target.
	Egress Egress
}

// Egress bounds the addresses that a sender connects to for a target, and the files that it
// reads. The zero Egress is that of targets which the operator of the machine wrote: any
// address but link-local ones and the metadata services of clouds, which are refused always.
type Egress struct {
	// Restricted is for targets that others made: only public addresses, and those in
	// Allow. Their options name no file and no proxy.
	Restricted bool
	Allow      []netip.Prefix
}

// DecodeEvent reads d.Event.
func (d Delivery) DecodeEvent() (event.Event, error) {
	var e event.Event
	if err := json.Unmarshal(d.Event, &e); err != nil {
		return e, fmt.Errorf("decode event of delivery %s: %w", d.ID, err)
	}
	return e, nil
}

// Message returns the bytes to send where the target takes the host's rendering,
// and their media type.
func (d Delivery) Message() (body []byte, contentType string) {
	if d.Body == nil {
		return d.Event, "application/json"
	}
	return d.Body, d.ContentType
}

// Request is what a sender asked of a target, in a form that may be shown: secrets
// are masked as "***".
type Request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	// Body is the message. In a receipt it is left empty where the message is the
	// delivery's own ([Delivery.Message]), which the host has already.
	Body string `json:"body,omitempty"`
}

// Receipt is the account of one attempt.
type Receipt struct {
	Request Request       `json:"request"`
	Status  int           `json:"status,omitempty"` // of HTTP or SMTP; 0 where there was none
	Latency time.Duration `json:"-"`                // from the request's first byte to the reply's last
	Reply   string        `json:"reply,omitempty"`  // what the target said, at most [MaxReply] bytes
	Scope   Scope         `json:"scope,omitempty"`  // what a failure is about
	Resume  []byte        `json:"-"`                // given to the next attempt, at most [MaxResume] bytes
}

// Scope says what a failure is about.
type Scope string

const (
	ScopeMessage       Scope = "message"       // this message only; the zero Scope means the same
	ScopeTargetGone    Scope = "target_gone"   // the target will take nothing any more
	ScopeMisconfigured Scope = "misconfigured" // the target's options are wrong: a signature, a certificate, a host
	// ScopeSender is the host's own word: the sender did not start, or died with the attempt.
	// It says nothing of the target. From a sender it means [ScopeMessage].
	ScopeSender Scope = "sender"
)
