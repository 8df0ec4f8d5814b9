package store

import "fmt"

// Transition is one way in which a delivery may change its state. docs/states.md draws
// them, and says when each is made and by whom.
type Transition struct{ From, To State }

// Transitions returns all of them. What changes a state names the one that it changes in
// the WHERE of its statement, so that no other is made, however late it comes.
func Transitions() []Transition {
	return []Transition{
		{Waiting, Waiting}, // an attempt that is to be made again
		{Waiting, Delivered},
		{Waiting, Dead},
		{Waiting, Skipped},
		{Waiting, Shadowed},
		{Waiting, Folded},
		{Folded, Folded}, // its digest is delivered, or is to be again
		{Folded, Dead},   // its digest ended so, as all below
		{Folded, Skipped},
		{Folded, Shadowed},
		{Folded, Expired},
		{Folded, Cancelled},
		{Dead, Folded}, // its digest is to be delivered again, as all below
		{Skipped, Folded},
		{Shadowed, Folded},
		{Expired, Folded},
		{Cancelled, Folded},
		{Waiting, Parked},
		{Parked, Waiting},
		{Parked, Expired},
		{Parked, Cancelled},
		{Delivered, Waiting}, // it is redelivered, as all below
		{Dead, Waiting},
		{Expired, Waiting},
		{Cancelled, Waiting},
		{Skipped, Waiting},
		{Shadowed, Waiting},
	}
}

// legal refuses an outcome that is no transition of a delivery that waits.
func (o Outcome) legal() error {
	if o.Returned {
		return nil
	}
	for _, t := range Transitions() {
		if t.From == Waiting && t.To == o.State && t.To != Parked { // the store parks by itself
			return nil
		}
	}
	return fmt.Errorf("delivery %d: an attempt cannot leave it %q", o.Seq, o.State)
}
