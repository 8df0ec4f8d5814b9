package options

import "sync"

// Bounds of the cache: so many options, none that are larger than this, and all of them no
// larger than that.
const (
	maxCached      = 1024
	maxCachedSize  = 64 << 10 // certificates may be among them
	maxCachedTotal = 8 << 20
)

// Cache keeps what was read, options or templates, by its bytes, so that a busy
// target's is read once. Many goroutines may use it at the same time.
type Cache[T any] struct {
	mu   sync.Mutex
	read map[string]*T
	size int // of the keys
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
	if known := c.read[string(raw)]; known != nil {
		return known, nil // another was faster, and what it knows is kept
	}
	for old := range c.read { // some of them, by chance
		if len(c.read) < maxCached && c.size+len(raw) <= maxCachedTotal {
			break
		}
		delete(c.read, old)
		c.size -= len(old)
	}
	c.read[string(raw)] = t
	c.size += len(raw)
	return t, nil
}
