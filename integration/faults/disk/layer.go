package disk

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// The signatures of SQLite's methods that are seen here.
type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	deleteFunc   = func(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
	transferFunc = func(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	shareFunc    = func(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
)

// at is the C value at an address, and function the Go value of a C function pointer, as
// the translated SQLite has them.
func at[T any](p uintptr) *T            { return *(**T)(unsafe.Pointer(&p)) }
func function[F any](p uintptr) F       { return *(*F)(unsafe.Pointer(&p)) }
func pointer[F any](f F) uintptr        { return *(*uintptr)(unsafe.Pointer(&f)) }
func bytesAt(p uintptr, n int32) []byte { return unsafe.Slice(at[byte](p), n) }

// keep keeps the function that SQLite has the address p of.
func (l *layer) keep(p uintptr, of any) uintptr { l.kept = append(l.kept, of); return p }

// layer is SQLite's default file system with disks under some of its folders. There is one
// in a process, since SQLite has one default.
type layer struct {
	disks sync.Map // folder -> *Disk
	files sync.Map // address of SQLite's file -> *file
	base  *sqlite3.Tsqlite3_vfs
	kept  []any // functions that SQLite has the addresses of

	mu      sync.Mutex
	methods map[uintptr]*methods // by the address of the base's
}

// methods are the base's methods of a file, and those with some of them replaced.
type methods struct{ base, ours *sqlite3.Tsqlite3_io_methods }

// file is an open file.
type file struct {
	disk    *Disk
	base    *sqlite3.Tsqlite3_io_methods
	name    string
	syncDir bool // its first sync is one of the folder, too

	id     int      // in record
	record *History // that id is of
}

var installed = sync.OnceValues(install)

// install makes the layer SQLite's default file system, for good. Files in folders without
// a disk are opened as ever.
func install() (*layer, error) {
	l := &layer{methods: map[uintptr]*methods{}}
	tls := libc.NewTLS()
	defer tls.Close()
	found := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if found == 0 {
		return nil, errors.New("install the disk: SQLite has no file system")
	}
	l.base = at[sqlite3.Tsqlite3_vfs](found)
	name, err := libc.CString("breakable")
	if err != nil {
		return nil, fmt.Errorf("install the disk: %w", err)
	}
	vfs, err := copied(tls, l.base)
	if err != nil {
		return nil, err
	}
	vfs.FpNext, vfs.FzName = 0, name
	open, remove := l.open, l.delete
	vfs.FxOpen = l.keep(pointer[openFunc](open), open)
	vfs.FxDelete = l.keep(pointer[deleteFunc](remove), remove)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, pointer(vfs), 1); rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("install the disk: SQLite answers %d", rc)
	}
	return l, nil
}

// copied copies what SQLite is to have into memory of C's, where it may look for it.
func copied[T any](tls *libc.TLS, of *T) (*T, error) {
	p := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*of)))
	if p == 0 {
		return nil, errors.New("install the disk: no memory")
	}
	c := at[T](p)
	*c = *of
	return c, nil
}

// diskOf returns the disk that the file at a path is on, nil for none, and its name there.
func (l *layer) diskOf(path uintptr) (*Disk, string) {
	if path == 0 { // a temporary file
		return nil, ""
	}
	dir, name := filepath.Split(libc.GoString(path))
	if d, ok := l.disks.Load(filepath.Clean(dir)); ok {
		return d.(*Disk), name
	}
	return nil, ""
}

func (l *layer) open(tls *libc.TLS, vfs, path, to uintptr, flags int32, out uintptr) int32 {
	base := function[openFunc](l.base.FxOpen)
	d, name := l.diskOf(path)
	if d == nil {
		return base(tls, vfs, path, to, flags, out)
	}
	if f := d.ask(Call{Kind: Open, File: name}); f.code > 0 {
		at[sqlite3.Tsqlite3_file](to).FpMethods = 0
		return f.code
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if rc := base(tls, vfs, path, to, flags, out); rc != sqlite3.SQLITE_OK {
		return rc
	}
	m, err := l.methodsOf(tls, at[sqlite3.Tsqlite3_file](to).FpMethods)
	if err != nil {
		return sqlite3.SQLITE_NOMEM
	}
	at[sqlite3.Tsqlite3_file](to).FpMethods = pointer(m.ours)
	const journals = sqlite3.SQLITE_OPEN_MAIN_JOURNAL | sqlite3.SQLITE_OPEN_SUPER_JOURNAL | sqlite3.SQLITE_OPEN_WAL
	l.files.Store(to, &file{
		disk: d, base: m.base, name: name, id: d.opened(name), record: d.record,
		// SQLite's file system for Unix does so.
		syncDir: flags&sqlite3.SQLITE_OPEN_CREATE != 0 && flags&journals != 0,
	})
	return sqlite3.SQLITE_OK
}

// methodsOf replaces some methods of the base's.
func (l *layer) methodsOf(tls *libc.TLS, base uintptr) (*methods, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.methods[base]; m != nil {
		return m, nil
	}
	m := &methods{base: at[sqlite3.Tsqlite3_io_methods](base)}
	var err error
	if m.ours, err = copied(tls, m.base); err != nil {
		return nil, err
	}
	shut, read, write, truncate, flush, share := l.close, l.read, l.write, l.truncate, l.sync, l.share
	m.ours.FxClose = l.keep(pointer[closeFunc](shut), shut)
	m.ours.FxRead = l.keep(pointer[transferFunc](read), read)
	m.ours.FxWrite = l.keep(pointer[transferFunc](write), write)
	m.ours.FxTruncate = l.keep(pointer[truncateFunc](truncate), truncate)
	m.ours.FxSync = l.keep(pointer[syncFunc](flush), flush)
	m.ours.FxShmMap = l.keep(pointer[shareFunc](share), share)
	l.methods[base] = m
	return m, nil
}

func (l *layer) at(p uintptr) *file {
	f, _ := l.files.Load(p)
	return f.(*file)
}

func (l *layer) close(tls *libc.TLS, p uintptr) int32 {
	f, _ := l.files.LoadAndDelete(p)
	return function[closeFunc](f.(*file).base.FxClose)(tls, p)
}

func (l *layer) read(tls *libc.TLS, p, buf uintptr, n int32, offset int64) int32 {
	f := l.at(p)
	if fault := f.disk.ask(Call{Kind: Read, File: f.name, Offset: offset}); fault.code > 0 {
		return fault.code
	}
	return function[transferFunc](f.base.FxRead)(tls, p, buf, n, offset)
}

func (l *layer) write(tls *libc.TLS, p, buf uintptr, n int32, offset int64) int32 {
	f := l.at(p)
	data := bytesAt(buf, n)
	fault := f.disk.ask(Call{Kind: Write, File: f.name, Offset: offset, Data: data})
	switch {
	case fault.code < 0:
		return sqlite3.SQLITE_OK
	case fault.code > 0 && !fault.part:
		return fault.code
	case fault.code > 0:
		n /= 2
		data = data[:n]
	}
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	rc := function[transferFunc](f.base.FxWrite)(tls, p, buf, n, offset)
	if rc == sqlite3.SQLITE_OK && f.record == d.record && d.record != nil {
		d.note(entry{kind: Write, file: f.id, offset: offset, data: slices.Clone(data)})
	}
	return max(rc, fault.code)
}

func (l *layer) truncate(tls *libc.TLS, p uintptr, size int64) int32 {
	f := l.at(p)
	fault := f.disk.ask(Call{Kind: Truncate, File: f.name, Size: size})
	switch {
	case fault.code < 0:
		return sqlite3.SQLITE_OK
	case fault.code > 0:
		return fault.code
	}
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	rc := function[truncateFunc](f.base.FxTruncate)(tls, p, size)
	if rc == sqlite3.SQLITE_OK && f.record == d.record {
		d.note(entry{kind: Truncate, file: f.id, offset: size})
	}
	return rc
}

// sync promises what was written before it began.
func (l *layer) sync(_ *libc.TLS, p uintptr, _ int32) int32 {
	f := l.at(p)
	d := f.disk
	d.mu.Lock()
	began := 0
	if d.record != nil {
		began = len(d.record.log)
	}
	d.mu.Unlock()
	fault := d.ask(Call{Kind: Sync, File: f.name})
	switch {
	case fault.code < 0:
		return sqlite3.SQLITE_OK
	case fault.code > 0:
		return fault.code
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.record == d.record {
		d.note(entry{kind: Sync, file: f.id, upTo: began, folder: f.syncDir})
		f.syncDir = false
	}
	return sqlite3.SQLITE_OK
}

func (l *layer) share(tls *libc.TLS, p uintptr, region, size, extend int32, out uintptr) int32 {
	f := l.at(p)
	if extend != 0 {
		if fault := f.disk.ask(Call{Kind: Share, File: f.name}); fault.code > 0 {
			return fault.code
		}
	}
	return function[shareFunc](f.base.FxShmMap)(tls, p, region, size, extend, out)
}

func (l *layer) delete(tls *libc.TLS, vfs, path uintptr, syncDir int32) int32 {
	base := function[deleteFunc](l.base.FxDelete)
	d, name := l.diskOf(path)
	if d == nil {
		return base(tls, vfs, path, syncDir)
	}
	if fault := d.ask(Call{Kind: Delete, File: name}); fault.code > 0 {
		return fault.code
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rc := base(tls, vfs, path, 0)
	if rc != sqlite3.SQLITE_OK || d.record == nil {
		return rc
	}
	if f, ok := d.names[name]; ok {
		delete(d.names, name)
		d.note(entry{kind: Delete, name: name, file: f, folder: syncDir != 0})
	}
	return rc
}
