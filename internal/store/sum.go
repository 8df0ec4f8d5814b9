package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// castagnoli is the polynomial that processors know.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is over what a delivery is made of. SQLite finds damage to the structure of its file,
// and none within a value.
func (c *Claimed) sum() int64 {
	var sum uint32
	var size [8]byte
	for _, part := range [][]byte{[]byte(c.ID), []byte(c.Target), []byte(c.Type), []byte(c.Rendering), c.Event} {
		binary.LittleEndian.PutUint64(size[:], uint64(len(part)))
		sum = crc32.Update(crc32.Update(sum, castagnoli, size[:]), castagnoli, part)
	}
	return int64(sum)
}

// damaged says that a delivery is not what was planned.
func (c *Claimed) damaged() error {
	return fmt.Errorf("%w: delivery %s to target %s, or its event, is not what was written; restore it from a backup", ErrCorrupt, c.ID, c.Target)
}
