package store

import (
	"slices"
	"testing"
	"time"
)

// taken describes a transaction: how many callers, and how many rows of work.
type taken struct{ callers, rows int }

func look(batch []*job) (t taken) {
	for _, j := range batch {
		if j.rows == 0 {
			t.callers++
		}
		t.rows += j.rows
	}
	return t
}

// put adds n jobs of so many rows each; of 0 rows, callers.
func put(q *queue, n, rows int) {
	for range n {
		q.add(&job{rows: rows})
	}
}

func TestCallersGoBeforeWork(t *testing.T) {
	t.Parallel()
	var q queue
	put(&q, 3, turnRows) // they came first
	put(&q, 5, 0)
	now := time.Now()
	q.rest = now.Add(time.Millisecond)
	var got []taken
	batch, turn := q.take(nil, now)
	got = append(got, look(batch))
	if turn {
		t.Error("work had a turn while it was to rest")
	}
	put(&q, 1, 0)
	for !q.empty() {
		batch, turn = q.take(nil, q.rest)
		if got = append(got, look(batch)); !turn {
			t.Error("work had no turn when it had rested")
		}
	}
	if want := []taken{{5, 0}, {1, turnRows}, {0, turnRows}, {0, turnRows}}; !slices.Equal(got, want) {
		t.Errorf("transactions had (callers, rows of work) %v, want %v", got, want)
	}
}

func TestWorkGoesOnUnderConstantIntake(t *testing.T) {
	t.Parallel()
	// Each transaction takes a millisecond, and callers wait whenever one begins. Then every third one is work's turn: it rests for two, and for no more.
	var q queue
	put(&q, 10, turnRows)
	put(&q, 2, 5*turnRows)
	now := time.Now()
	rows, since := 0, 0
	for n := 0; len(q.work) > 0; n++ {
		put(&q, 2, 0)
		batch, turn := q.take(nil, now)
		began := now
		now = now.Add(time.Millisecond)
		if turn {
			q.worked(began, now)
		}
		got := look(batch)
		rows += got.rows
		if got.callers != 2 {
			t.Errorf("transaction %d took %d callers, want both that waited", n, got.callers)
		}
		if since++; got.rows > 0 {
			since = 0
		}
		if since > 2 {
			t.Fatalf("work was passed over three times before transaction %d, want twice at the most", n)
		}
	}
	if rows != 20*turnRows {
		t.Errorf("%d rows of work were done, want %d", rows, 20*turnRows)
	}
}

func TestTurnEndsAfterSoManyRows(t *testing.T) {
	t.Parallel()
	var q queue
	for _, rows := range []int{turnRows / 2, turnRows / 2, 1, turnRows, 3 * turnRows, 2, 3} {
		put(&q, 1, rows)
	}
	var got []int
	for !q.empty() {
		batch, _ := q.take(nil, time.Now())
		got = append(got, look(batch).rows)
	}
	if want := []int{turnRows, 1, turnRows, 3 * turnRows, 5}; !slices.Equal(got, want) {
		t.Errorf("turns had %v rows, want %v", got, want)
	}
}

func TestOutcomesShareTheCommitsOfCallers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct{ callers, work, want int }{
		{1, 5, 5},
		{1, 50, sharedRows},
		{40, 50, 40},
		{2 * maxBatch, 50, 0}, // a transaction is full
	} {
		q := queue{rest: now.Add(time.Millisecond)}
		put(&q, c.work, 1)
		put(&q, c.callers, 0)
		batch, _ := q.take(nil, now)
		if got := look(batch); got != (taken{min(c.callers, maxBatch), c.want}) {
			t.Errorf("with %d callers and %d rows: took %v, want %d rows", c.callers, c.work, got, c.want)
		}
	}
}

func TestWorkRestsOnlyForCallers(t *testing.T) {
	t.Parallel()
	var q queue
	put(&q, 2, turnRows)
	now := time.Now()
	if _, turn := q.take(nil, now); !turn {
		t.Fatal("work had no turn")
	}
	q.worked(now, now.Add(time.Hour))
	if !q.rest.IsZero() {
		t.Error("work rests though no caller came")
	}
	put(&q, 1, 0)
	q.take(nil, now)
	q.worked(now, now.Add(time.Millisecond))
	if rest := q.rest.Sub(now); rest != 3*time.Millisecond {
		t.Errorf("work rests until %s after its turn began, want 3ms", rest)
	}
	q.worked(now, now.Add(time.Hour))
	if rest := q.rest.Sub(now); rest != time.Hour+restMost {
		t.Errorf("after a turn of an hour work has its next after %s, want %s", rest, time.Hour+restMost)
	}
}
