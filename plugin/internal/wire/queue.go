package wire

import (
	"runtime"
	"sync"
)

// queue hands what several goroutines put into it to one that takes all there is.
type queue[T any] struct {
	ready chan struct{} // holds a token where there may be something to take

	mu    sync.Mutex
	items []T
}

func newQueue[T any]() *queue[T] {
	return &queue[T]{ready: make(chan struct{}, 1)}
}

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take returns everything, and keeps spare, emptied, to be filled next. It lets those
// that are ready to put something go first; where nobody is, that takes no time.
func (q *queue[T]) take(spare []T) []T {
	clear(spare)
	runtime.Gosched()
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = spare[:0]
	return items
}
