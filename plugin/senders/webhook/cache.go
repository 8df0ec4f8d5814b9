package webhook

import "sync"

// Bounds of the cache: so many options, and none that are larger than this.
const (
	maxCached     = 1024
	maxCachedSize = 8 << 10
)

// cache keeps what was read, options or templates, by its bytes, so that a busy
// target's is read once.
type cache[T any] struct {
	mu   sync.Mutex
	read map[string]*T
}

func newCache[T any]() *cache[T] { return &cache[T]{read: make(map[string]*T)} }

func (c *cache[T]) get(raw []byte) *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read[string(raw)]
}

func (c *cache[T]) put(raw []byte, o *T) {
	if len(raw) > maxCachedSize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.read) >= maxCached {
		for old := range c.read { // one of them, by chance
			delete(c.read, old)
			break
		}
	}
	c.read[string(raw)] = o
}
