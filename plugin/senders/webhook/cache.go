package webhook

import "sync"

// Bounds of the cache: so many options, and none that are larger than this.
const (
	maxCached     = 1024
	maxCachedSize = 8 << 10
)

// cache keeps options that were read, by their bytes, so that a busy target's are
// read once.
type cache struct {
	mu   sync.Mutex
	read map[string]*options
}

func newCache() *cache { return &cache{read: make(map[string]*options)} }

func (c *cache) get(raw []byte) *options {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read[string(raw)]
}

func (c *cache) put(raw []byte, o *options) {
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
