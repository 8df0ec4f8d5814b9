package options

import "sync"

// Bounds of the cache: so many options, and none that are larger than this.
const (
	maxCached     = 1024
	maxCachedSize = 8 << 10
)

// Cache keeps what was read, options or templates, by its bytes, so that a busy
// target's is read once. Many goroutines may use it at the same time.
type Cache[T any] struct {
	mu   sync.Mutex
	read map[string]*T
}

// NewCache makes an empty one.
func NewCache[T any]() *Cache[T] { return &Cache[T]{read: make(map[string]*T)} }

// Read returns what read makes of raw, or has made of it. An error is not kept.
func (c *Cache[T]) Read(raw []byte, read func([]byte) (*T, error)) (*T, error) {
	c.mu.Lock()
	known := c.read[string(raw)]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	t, err := read(raw)
	if err != nil || len(raw) > maxCachedSize {
		return t, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.read) >= maxCached {
		for old := range c.read { // one of them, by chance
			delete(c.read, old)
			break
		}
	}
	c.read[string(raw)] = t
	return t, nil
}
