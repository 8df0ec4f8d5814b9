package lookup

import "container/list"

// kept holds answers by digest, up to [maxKept] bytes; those not asked for longest go
// first. The zero value is empty.
type kept struct {
	bytes   int
	recent  list.List // of *entry, the last asked for in front
	entries map[string]*list.Element
}

type entry struct {
	digest string
	body   []byte
}

// size is what e takes, roughly.
func (e *entry) size() int { return len(e.digest) + len(e.body) + 200 }

func (k *kept) get(digest string) ([]byte, bool) {
	at, ok := k.entries[digest]
	if !ok {
		return nil, false
	}
	k.recent.MoveToFront(at)
	return at.Value.(*entry).body, true
}

func (k *kept) put(digest string, body []byte) {
	if _, ok := k.get(digest); ok {
		return
	}
	if k.entries == nil {
		k.entries = map[string]*list.Element{}
	}
	e := &entry{digest, body}
	k.entries[digest] = k.recent.PushFront(e)
	k.bytes += e.size()
	for k.bytes > maxKept {
		last := k.recent.Remove(k.recent.Back()).(*entry)
		delete(k.entries, last.digest)
		k.bytes -= last.size()
	}
}
