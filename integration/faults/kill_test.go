package faults_test

import (
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/faults"
)

// Bellbuoy is killed at random moments under load, while it starts, too. What was answered
// 202 comes to its end; what comes twice was on its way at a kill; order holds; and the
// trace knows it.
func TestKill(t *testing.T) {
	t.Parallel()
	kills, random := faults.Scale(t, 12, 3000), faults.Rand(t)
	w := newWorld(t, built(t, build))
	w.start()
	w.ready()
	l := w.load(4, 5*time.Millisecond)
	for kill := range kills {
		if kill%4 == 3 { // in the middle of the start
			w.pause(upTo(random, 100))
		} else {
			w.more(l, 1)
			w.pause(20*time.Millisecond + upTo(random, 780))
		}
		w.kill()
		w.start()
		if kill%200 == 199 { // a ledger of a night is to stay small enough to look at
			w.ready()
			w.audit()
		}
	}
	l.end()
	w.ready()
	r := w.audit()
	tell(t, "killed", r)
	if kills >= 12 && len(r.Repeats) == 0 {
		t.Log("no kill came between a send and its record")
	}
}
