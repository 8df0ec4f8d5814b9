package client

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Each shape keeps, as JSON, the answer that it was read from: a server newer than
// this client may say more than the fields here hold.

// Event is one event of a list.
type Event struct {
	event.Event
	Deliveries map[string]int  `json:"deliveries"` // by state
	Chosen     []Chosen        `json:"chosen"`     // those that the filter names by rule, target or outcome
	JSON       json.RawMessage `json:"-"`
}

// Chosen is one delivery of a listed event.
type Chosen struct {
	ID     string     `json:"id"`
	Rules  []string   `json:"rules"`
	Target string     `json:"target"`
	State  string     `json:"state"`
	Began  *time.Time `json:"began"` // nil until it was attempted
}

// Trace is all that is known of one event.
type Trace struct {
	Event         event.Event     `json:"event"`
	State         string          `json:"state"` // routed or held
	Hold          *Hold           `json:"hold"`
	Received      Received        `json:"received"`
	RuleSet       string          `json:"rule_set"`
	Verdicts      []Verdict       `json:"verdicts"`
	VerdictsError string          `json:"verdicts_error"`
	Deliveries    []Delivery      `json:"deliveries"`
	ReplayOf      *Replayed       `json:"replay_of"` // the event that this is a replay of
	Replays       []Replayed      `json:"replays"`   // of this
	JSON          json.RawMessage `json:"-"`
}

// Hold says why an event is not routed yet, and when it will be at the latest.
type Hold struct {
	Reason  string    `json:"reason"`
	RouteAt time.Time `json:"route_at"`
}

// Received is the request that an event came in.
type Received struct {
	Time         time.Time         `json:"time"`
	Remote       string            `json:"remote"`
	Headers      map[string]string `json:"headers"`
	Body         string            `json:"body"`
	BodyEncoding string            `json:"body_encoding"`
	Size         int64             `json:"size"`
	SHA256       string            `json:"sha256"`
	Truncated    bool              `json:"truncated"`
	Repeats      int               `json:"repeats"`
	Conflicts    int               `json:"conflicts"`
}

// Verdict is what one rule made of an event.
type Verdict struct {
	Rule      string `json:"rule"`
	Matched   bool   `json:"matched"`
	Predicate string `json:"predicate"`
	Reason    string `json:"reason"`
}

// Delivery is one event on its way to one target.
type Delivery struct {
	ID       string     `json:"id"`
	Rule     string     `json:"rule"`
	Rules    []string   `json:"rules"`
	Target   string     `json:"target"`
	Type     string     `json:"type"`
	State    string     `json:"state"`
	Next     *time.Time `json:"next"`
	Reason   string     `json:"reason"`
	Attempts []Attempt  `json:"attempts"`

	// Rendering is how the rule has the message made; nil where it says nothing.
	Rendering    *Rendering    `json:"rendering"`
	Redeliveries []Redelivered `json:"redeliveries"`
	Shadow       *Shadowing    `json:"shadow"`
}

// Redelivered is one time that a delivery was asked for again.
type Redelivered struct {
	Time     time.Time `json:"time"`
	By       string    `json:"by"`
	Run      string    `json:"run"`
	State    string    `json:"state"` // that it was in; "" where it was made of another
	Reason   string    `json:"reason"`
	Attempts int       `json:"attempts"` // that it had
	From     string    `json:"from"`     // the delivery that it was made of
}

// Shadowing is what would have been sent.
type Shadowing struct {
	Time    time.Time      `json:"time"`
	Request plugin.Request `json:"request"`
	Error   string         `json:"error"`
	Curl    string         `json:"curl"` // the request as a line of shell
}

// Replayed is an event that another is a replay of, or that is a replay.
type Replayed struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	By    string    `json:"by"`
}

// Rendering is how a message is made of an event.
type Rendering struct {
	Format string `json:"format"`
	JSON   string `json:"json"`  // a template
	Text   string `json:"text"`  // another
	Title  string `json:"title"` // and another
}

// Attempt is one attempt of a delivery.
type Attempt struct {
	Time      time.Time      `json:"time"`
	Outcome   plugin.Outcome `json:"outcome"`
	Status    int            `json:"status"`
	LatencyMS float64        `json:"latency_ms"`
	Request   plugin.Request `json:"request"`
	Reply     string         `json:"reply"`
	Scope     plugin.Scope   `json:"scope"`
	Error     string         `json:"error"`
	Next      *time.Time     `json:"next"`
}

// Quarantined is one body that could not be read.
type Quarantined struct {
	ID        string          `json:"id"`
	Registry  string          `json:"registry"`
	Received  time.Time       `json:"received"` // the first time
	Reason    string          `json:"reason"`
	Size      int64           `json:"size"`
	Count     int             `json:"count"` // how often the same bytes came
	SHA256    string          `json:"sha256"`
	Remote    string          `json:"remote"`
	Truncated bool            `json:"truncated"` // of the bytes only the first are kept
	JSON      json.RawMessage `json:"-"`

	// These are there only where one is asked for; see Bytes.
	Headers      map[string]string `json:"headers"`
	Body         string            `json:"body"`
	BodyEncoding string            `json:"body_encoding"`
}

// Bytes returns the body as it came, as far as it was kept.
func (q Quarantined) Bytes() ([]byte, error) {
	if q.BodyEncoding == "base64" {
		return base64.StdEncoding.DecodeString(q.Body)
	}
	return []byte(q.Body), nil
}
