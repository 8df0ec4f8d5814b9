// Package disk puts a disk that a test can break beneath SQLite. It lies between SQLite and
// the files of one folder: it tells a test of each call, lets it fail, and keeps a record of
// all that was written, from which [Cutter] makes what a disk has after a power cut. What is
// read and written otherwise than by SQLite does not pass here, nor what is in the memory that
// connections share to find their way in the log (the -shm file).
package disk

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	sqlite3 "modernc.org/sqlite/lib"
)

// Kind is what a call does.
type Kind int

// Kinds of calls.
const (
	Open Kind = iota + 1
	Read
	Write
	Truncate
	Sync
	Delete
	Share // what connections share becomes larger
)

// Call is one call of SQLite's.
type Call struct {
	Kind   Kind
	File   string // its name in the folder
	Offset int64
	Data   []byte // of a write; valid during the call
	Size   int64  // that a file is cut to
}

// Fault is what becomes of a call: the zero one lets it pass.
type Fault struct {
	code int32
	part bool
}

// Full says that there is no room, as SQLite calls it for this kind of call. Half of what
// was to be written is, as on a disk that runs full.
func Full(k Kind) Fault {
	if k == Share {
		return Fault{code: sqlite3.SQLITE_IOERR_SHMSIZE}
	}
	return Fault{code: sqlite3.SQLITE_FULL, part: true}
}

// Broken is an error of the device, as SQLite calls it for this kind of call.
func Broken(k Kind) Fault {
	code := map[Kind]int32{
		Open: sqlite3.SQLITE_CANTOPEN, Read: sqlite3.SQLITE_IOERR_READ, Write: sqlite3.SQLITE_IOERR_WRITE,
		Truncate: sqlite3.SQLITE_IOERR_TRUNCATE, Sync: sqlite3.SQLITE_IOERR_FSYNC, Delete: sqlite3.SQLITE_IOERR_DELETE,
		Share: sqlite3.SQLITE_IOERR_SHMMAP,
	}
	return Fault{code: code[k]}
}

// ReadOnly refuses a write.
func ReadOnly() Fault { return Fault{code: sqlite3.SQLITE_READONLY} }

// Ignored has a call seem to succeed that did nothing.
func Ignored() Fault { return Fault{code: -1} }

// Disk is what lies under one folder. Syncs are not carried out, since no test can take the
// power away; what they promise is in the record.
type Disk struct {
	dir   string
	fault atomic.Pointer[func(Call) Fault]

	mu     sync.Mutex // held through each write, so that the record has them in their order
	record *History
	names  map[string]int // of the record: the file that a name stands for
}

// Under puts a disk under a folder, for all files in it that SQLite opens from now on.
func Under(dir string) (*Disk, error) {
	l, err := installed()
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(dir) // as SQLite names it
	if err != nil {
		return nil, fmt.Errorf("put a disk under %s: %w", dir, err)
	}
	d := &Disk{dir: real}
	if _, taken := l.disks.LoadOrStore(real, d); taken {
		return nil, fmt.Errorf("put a disk under %s: there is one", dir)
	}
	return d, nil
}

// Remove takes the disk away, when all of its files are closed.
func (d *Disk) Remove() error {
	l, err := installed()
	if err == nil {
		l.disks.Delete(d.dir)
	}
	return err
}

// Fail has f say what becomes of each call, from now on; nil lets all pass. Calls come from
// many goroutines.
func (d *Disk) Fail(f func(Call) Fault) {
	if f == nil {
		d.fault.Store(nil)
		return
	}
	d.fault.Store(&f)
}

func (d *Disk) ask(c Call) Fault {
	if f := d.fault.Load(); f != nil {
		return (*f)(c)
	}
	return Fault{}
}

// Record begins a record on a folder that holds the files of start and no others, all of it
// durable.
func (d *Disk) Record(start Image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.record, d.names = &History{start: start}, map[string]int{}
	for i, name := range start.names() {
		d.names[name] = i
	}
	d.record.files = len(start)
}

// Now is how long the record is: all that was done until now is in it before that.
func (d *Disk) Now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.record.log)
}

// End ends the record and returns it.
func (d *Disk) End() *History {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.record
	d.record, d.names = nil, nil
	return h
}

// opened notes in the record that a name is opened, and returns which file it is. d.mu is
// held.
func (d *Disk) opened(name string) int {
	if d.record == nil {
		return -1
	}
	if f, ok := d.names[name]; ok {
		return f
	}
	f := d.record.files
	d.record.files++
	d.names[name] = f
	d.record.log = append(d.record.log, entry{kind: Open, name: name, file: f})
	return f
}

// note adds to the record. d.mu is held.
func (d *Disk) note(e entry) {
	if d.record != nil && e.file >= 0 {
		d.record.log = append(d.record.log, e)
	}
}
