package delivery

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// mood is how a target answers.
type mood int

const (
	well mood = iota
	shaky
	down
	throttling
	hurried // throttling, without saying until when
	slow
	hanging
	refusing
	leaving // 410
	misconfigured
	moods
)

func (m mood) String() string {
	return [...]string{"well", "shaky", "down", "throttling", "hurried", "slow", "hanging", "refusing", "leaving", "misconfigured"}[m]
}

// simulatedTarget is a target, what the config says of it, and what it saw.
type simulatedTarget struct {
	s    *simulation
	name string
	rnd  *rand.Rand

	here, known  bool // in the config; known to who delivers
	next, asked  Target
	stored       store.Target
	ordered      bool
	strict       bool // no hold ends
	giveUp, hold time.Duration

	mood     mood
	inFlight int
	arrivals []time.Time // since its settings are what they are
	changed  time.Time   // when they came to be
	gone     time.Time   // since when the config does not name it
	shadowed time.Time   // since when it is in shadow mode
	slowed   time.Time   // when it last answered that it takes nothing for now
	opened   time.Time   // the circuit that was last seen to be open
	probed   time.Time   // when it was last sent to while that was open
}

func (to *simulatedTarget) String() string {
	return fmt.Sprintf("%d at a time, rate %v, digest %d, disabled after %d, parked for %v, shadow %v, ordered %v, hold %v, give up after %v",
		to.next.Concurrency, to.stored.Rate, to.stored.DigestAfter, to.stored.DisableAfter, to.stored.ParkFor, to.stored.Shadow, to.ordered, to.hold, to.giveUp)
}

// set changes the mood.
func (to *simulatedTarget) set(m mood) {
	to.s.mu.Lock()
	defer to.s.mu.Unlock()
	to.mood = m
}

// settings are new ones, as the seed decides. What is promised for always (whether order
// is kept) is decided once.
func (to *simulatedTarget) settings(s *simulation) {
	if to.giveUp == 0 {
		to.ordered, to.strict = !s.chance(3), !s.chance(3)
		to.giveUp, to.hold = 72*time.Hour, 1000*time.Hour
		if !to.strict {
			to.hold = time.Duration(1+s.n(300)) * time.Second
		}
		if s.chance(3) {
			to.giveUp = time.Duration(1+s.n(60)) * time.Minute
		}
	}
	to.next = Target{Type: "webhook", Timeout: 15 * time.Second, Concurrency: 1 + s.n(5), Policy: Policy{
		Schedule: []time.Duration{0, time.Second, 20 * time.Second}, Random: to.random}}
	to.stored = store.Target{Type: "webhook", ParkFor: 30 * 24 * time.Hour}
	if s.chance(2) {
		to.stored.Rate = store.Rate{Sends: 1 + s.n(8), Per: time.Duration(1+s.n(60)) * time.Second}
	}
	if s.chance(3) {
		to.stored.DigestAfter = 1 + s.n(5)
	}
	if s.chance(3) {
		to.stored.DisableAfter = 1 + s.n(4)
	}
	if s.chance(2) {
		to.stored.ParkFor = time.Duration(1+s.n(20)) * time.Minute
	}
	shadow := s.chance(6)
	to.next.Shadow, to.stored.Shadow = shadow, shadow
	if to.arrivals = nil; !shadow {
		to.shadowed = time.Time{}
	} else if to.shadowed.IsZero() {
		to.shadowed = time.Now()
	}
}

func (to *simulatedTarget) random() float64 {
	to.s.mu.Lock()
	defer to.s.mu.Unlock()
	return to.rnd.Float64()
}

// answer is what the target does with one attempt: when the message arrives, when it
// answers, and what.
type answer struct {
	arrives, takes time.Duration // the second behind the first; longer than the timeout: never
	receipt        plugin.Receipt
	err            error
}

// answer decides by the seed, the delivery and the attempt, not by who comes first.
// s.mu is held.
func (to *simulatedTarget) answer(d plugin.Delivery) answer {
	rnd := rand.New(rand.NewPCG(to.s.seed, mix(d.Target, to.s.nameOf(d), d.Attempt)))
	ms := func(n int) time.Duration { return time.Duration(rnd.IntN(n)) * time.Millisecond }
	a := answer{arrives: ms(300), takes: ms(1700), receipt: plugin.Receipt{Status: 200}}
	fails := func(status int, err error) {
		a.receipt.Status, a.err = status, err
	}
	switch to.mood {
	case well:
		if rnd.IntN(40) == 0 {
			fails(400, plugin.Permanent(errors.New("status 400")))
		}
	case shaky:
		if rnd.IntN(2) == 0 {
			fails(503, errors.New("status 503"))
		}
	case down:
		fails(0, errors.New("refused"))
	case throttling:
		fails(429, plugin.Throttled(errors.New("status 429"), time.Now().Add(ms(600_000))))
	case hurried:
		fails(429, plugin.Throttled(errors.New("status 429"), time.Time{}))
	case slow:
		a.takes = ms(20_000)
	case hanging:
		a.takes = time.Hour
	case refusing:
		fails(400, plugin.Permanent(errors.New("status 400")))
	case leaving:
		fails(410, plugin.Permanent(errors.New("status 410")))
	case misconfigured:
		a.receipt.Scope = plugin.ScopeMisconfigured
		fails(401, errors.New("status 401"))
	}
	return a
}

// nameOf is a name for what a delivery tells of that is the same each time.
func (s *simulation) nameOf(d plugin.Delivery) string {
	if p := s.planned[d.ID]; p != nil {
		return fmt.Sprint(p.number)
	}
	return "digest"
}

func mix(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, parts...)
	return h.Sum64()
}

// send is one attempt, as its target sees it.
func (s *simulation) send(ctx context.Context, life int, d plugin.Delivery) (plugin.Receipt, error) {
	e, err := d.DecodeEvent()
	if err != nil {
		return plugin.Receipt{}, err
	}
	s.mu.Lock()
	if life != s.life {
		s.mu.Unlock()
		return plugin.Receipt{}, errors.New("the process is gone")
	}
	to := s.targetOf(d.Target)
	a, began := to.answer(d), time.Now()
	seen := s.begins(to, d, e)
	s.mu.Unlock()

	late := false
	select {
	case <-time.After(a.arrives):
		s.mu.Lock()
		s.arrives(to, began, e, a.err == nil)
		s.mu.Unlock()
		select {
		case <-time.After(a.takes):
		case <-ctx.Done():
			late = true
		}
	case <-ctx.Done():
		late = true
	}
	if late {
		a.receipt, a.err = plugin.Receipt{}, ctx.Err()
	}
	a.receipt.Request = plugin.Request{Method: "POST", URL: "http://" + d.Target}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends(life, to, seen, e, a)
	return a.receipt, a.err
}

func (s *simulation) targetOf(name string) *simulatedTarget {
	for _, to := range s.targets {
		if to.name == name {
			return to
		}
	}
	return nil
}

// tells are the deliveries that a message tells of.
func (s *simulation) tells(target string, e *event.Event) []*planned {
	ids := []string{e.ID}
	if e.Type == event.Digest {
		ids = e.Digest
	}
	var out []*planned
	for _, id := range ids {
		if p := s.copies[copyOf{id, target}]; p != nil {
			out = append(out, p)
		} else {
			s.wrong("%s is sent %s, which was not planned for it", target, id)
		}
	}
	return out
}
