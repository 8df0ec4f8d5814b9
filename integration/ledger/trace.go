package ledger

import (
	"fmt"
	"slices"
)

// Delivery is what the trace of an event says of one of its deliveries.
type Delivery struct {
	Target, WebhookID, State, Reason string
	Attempts                         []Attempt
}

// Attempt is one attempt of it. Status is 0 where no answer was read.
type Attempt struct {
	Outcome string
	Status  int
}

// open are the states in which something is still to come.
var open = []string{"waiting", "parked"}

// Open reports whether something is still to come of it.
func (d Delivery) Open() bool { return slices.Contains(open, d.State) }

// Traced enters what the trace of an accepted event says once all its deliveries have
// ended, and holds it against what came: there is one delivery for each target; what is
// delivered was answered with success and is on record so once; what ended otherwise says
// why; each answer on record was given; and what came and is not on record is no more
// than what a cut can have cut off, once for each.
func (l *Ledger) Traced(id string, ds []Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.audited[id] {
		return
	}
	l.audited[id] = true
	for _, target := range l.targets {
		var of []Delivery
		for _, d := range ds {
			if d.Target == target {
				of = append(of, d)
			}
		}
		if len(of) != 1 {
			l.disagree = append(l.disagree, fmt.Sprintf("event %s has %d deliveries to %q on record, want one", id, len(of), target))
			continue
		}
		l.ends[of[0].State]++
		came := l.deliveries[pair{id, target}]
		if came == nil {
			came = &delivery{}
		}
		for _, a := range of[0].Attempts {
			if a.Status == 0 {
				came.unread++
			}
		}
		for _, what := range came.against(of[0], l.life) {
			l.disagree = append(l.disagree, fmt.Sprintf("event %s to %q: %s; on record %+v, came %+v", id, target, what, of[0], came.arrivals))
		}
	}
}

// against says where a trace and what came do not agree, after so many cuts.
func (d *delivery) against(t Delivery, cuts int) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	delivered, answers := 0, map[int]int{}
	for _, a := range t.Attempts {
		if a.Outcome == "delivered" {
			delivered++
		}
		if a.Status != 0 {
			answers[a.Status]++
		}
	}
	for _, a := range d.arrivals {
		answers[a.Status]--
		if a.WebhookID != t.WebhookID {
			fault("it came as %s", a.WebhookID)
		}
	}
	for status, n := range answers {
		if n > 0 {
			fault("%d answers %d are on record that were not given", n, status)
		}
	}
	if over := len(d.arrivals) - len(t.Attempts); over > cuts {
		fault("%d requests are not on record, after %d cuts", over, cuts)
	}
	switch {
	case t.Open():
		fault("it has not ended")
	case t.State == "delivered" && (delivered != 1 || t.Attempts[len(t.Attempts)-1].Outcome != "delivered"):
		fault("it is delivered, and has that on record %d times", delivered)
	case t.State == "delivered" && d.succeeded() == 0:
		fault("it is delivered, and never was answered so")
	case t.State != "delivered" && (delivered > 0 || t.Reason == ""):
		fault("it ended otherwise than delivered, without a reason")
	}
	return faults
}
