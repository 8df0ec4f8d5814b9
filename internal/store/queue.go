package store

import "time"

// Whoever accepts an event waits for its commit, and a registry sends its next event
// only then. What drains a backlog, claims and outcomes, could fill all of the writer's
// time. So callers and work take turns:
//
//   - Callers go first, all that wait. They take along work of as many rows as there are
//     callers, or a few, which costs them next to nothing: where nothing has piled up,
//     outcomes share the commits of what is accepted.
//   - Work that does not fit has turns. One ends when it has so many rows, so that whoever
//     comes meanwhile waits for little.
//   - After its turn work rests for twice as long as the turn took, if a caller came
//     lately: so most callers find the writer idle. When the rest is over the next
//     transaction is work's turn, whoever else waits: so a backlog drains however much
//     comes in.
//
// Each is taken in the order in which it came.
const (
	sharedRows = 8                      // of work beside callers, however few they are
	turnRows   = 64                     // of work in its turn; a job that has more has one of its own
	heardFor   = time.Second            // after a caller came, work rests between its turns
	restMost   = 100 * time.Millisecond // where a turn took long, the disk may have
)

// queue is the jobs that wait for the writer. Only the writer touches it.
type queue struct {
	callers []*job // jobs that have no rows
	work    []*job
	heard   time.Time // when callers were taken last
	rest    time.Time // work has its turn from here on
}

func (q *queue) add(j *job) {
	if j.rows == 0 {
		q.callers = append(q.callers, j)
	} else {
		q.work = append(q.work, j)
	}
}

func (q *queue) empty() bool { return len(q.callers)+len(q.work) == 0 }

// take appends to batch the jobs of the next transaction, which begins at now, and
// reports whether it is work's turn.
func (q *queue) take(batch []*job, now time.Time) (_ []*job, turn bool) {
	n := min(len(q.callers), maxBatch)
	batch = append(batch, q.callers[:n]...)
	q.callers = cut(q.callers, n)
	room := max(sharedRows, n)
	if turn = !now.Before(q.rest); turn {
		room = max(turnRows, n)
	}
	k := 0
	for ; k < len(q.work) && len(batch) < maxBatch; k++ {
		if q.work[k].rows > room && (k > 0 || !turn) {
			break
		}
		room -= q.work[k].rows
		batch = append(batch, q.work[k])
	}
	q.work = cut(q.work, k)
	if n > 0 {
		q.heard = now
	}
	return batch, turn && k > 0
}

// worked takes in that work had its turn.
func (q *queue) worked(began, ended time.Time) {
	if began.Sub(q.heard) < heardFor {
		q.rest = ended.Add(min(2*ended.Sub(began), restMost))
	}
}

// cut takes the first n away from jobs.
func cut(jobs []*job, n int) []*job {
	left := copy(jobs, jobs[n:])
	clear(jobs[left:])
	return jobs[:left]
}

// eager counts the jobs that somebody waits for.
func eager(jobs []*job) (n int) {
	for _, j := range jobs {
		if !j.lazy {
			n++
		}
	}
	return n
}
