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
	kills, random := faults.Scale(t, 20, 3000), faults.Rand(t)
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
		if kill%200 == 199 {
			w.ready()
			w.traces()
		}
	}
	l.end()
	w.ready()
	tell(t, "killed", w.audit())

	// What is on record is not sent again by any later life.
	w.kill()
	w.start()
	w.ready()
	l = w.load(1, 0)
	w.more(l, 20)
	l.end()
	w.audit()
}
