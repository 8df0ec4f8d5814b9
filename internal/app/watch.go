package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/bellbuoy/bellbuoy/config"
)

// glance is how often files are looked at whose folder is not watched.
const glance = time.Second

// maxLinks is how many links, one to the next, are followed to a file.
const maxLinks = 16

// watch tells that something may have changed about some files. It watches their
// folders, not the files: these are replaced rather than written, by an editor, by a
// rename, by a link to another folder. The folder in which the store lies is not watched,
// since it changes with each event; nor can a folder be that is not there. The files
// there are looked at each second.
type watch struct {
	changed chan struct{}
	busy    string // the store's folder
	notify  *fsnotify.Watcher
	log     *slog.Logger
	stop    context.CancelFunc
	ended   chan struct{}

	glance chan []string // the files to look at from now on
}

func newWatch(log *slog.Logger, store string) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{
		changed: make(chan struct{}, 1), log: log, stop: stop, ended: make(chan struct{}),
		glance: make(chan []string),
	}
	if abs, err := filepath.Abs(store); err == nil {
		w.busy = real(filepath.Dir(abs))
	}
	var err error
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("folders cannot be watched; the configuration's files are looked at each second", "error", err)
	}
	go w.run(ctx)
	return w
}

func (w *watch) close() {
	w.stop()
	<-w.ended
}

// run tells of events, and of what it sees itself.
func (w *watch) run(ctx context.Context) {
	defer close(w.ended)
	var events chan fsnotify.Event
	var errs chan error
	if w.notify != nil {
		defer w.notify.Close()
		events, errs = w.notify.Events, w.notify.Errors
	}
	tick := time.NewTicker(glance)
	defer tick.Stop()
	seen := map[string]os.FileInfo{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			w.tell()
		case <-errs: // too many events at once, say: some are lost
			w.tell()
		case files := <-w.glance:
			old := seen
			seen = map[string]os.FileInfo{}
			for _, f := range files {
				seen[f] = old[f] // a new one seems to have come just now: better one look too many
			}
		case <-tick.C:
			for f, was := range seen {
				if now, _ := os.Stat(f); !same(was, now) {
					seen[f] = now
					w.tell()
				}
			}
		}
	}
}

func (w *watch) tell() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// same reports whether a file is what it was; nil stands for none.
func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// settle waits until nothing has changed for a while. It reports false where ctx ended.
func (w *watch) settle(ctx context.Context) bool {
	deadline := time.After(restless)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-deadline:
			return true
		case <-time.After(quiet):
			return true
		case <-w.changed:
		}
	}
}

// follow watches the folders of files from now on, and of all links on the way to them.
// It reports whether it did not before: what happened meanwhile was not told.
func (w *watch) follow(files []config.Read) (more bool) {
	watching, want := map[string]bool{}, map[string]bool{}
	if w.notify != nil {
		for _, dir := range w.notify.WatchList() { // one that was removed is not in it
			watching[dir] = true
		}
	}
	var look []string
	for _, f := range files {
		watched := true
		for _, dir := range folders(f.Path) {
			switch {
			case w.notify == nil || dir == w.busy:
				watched = false
			case watching[dir]:
				want[dir] = true
			case w.notify.Add(dir) != nil:
				watched = false
			default:
				watching[dir], want[dir], more = true, true, true
			}
		}
		if !watched {
			look = append(look, f.Path)
		}
	}
	for dir := range watching {
		if !want[dir] {
			_ = w.notify.Remove(dir) // it may be gone itself
		}
	}
	select {
	case w.glance <- look:
	case <-w.ended:
	}
	return more
}

// folders are those in which something can change what path stands for.
func folders(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	var list []string
	for range maxLinks {
		list = append(list, real(filepath.Dir(path)))
		// A folder on the way may be a link itself, as in a Kubernetes ConfigMap.
		for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if info, err := os.Lstat(dir); err == nil && info.Mode()&os.ModeSymlink != 0 {
				list = append(list, real(filepath.Dir(dir)))
			}
		}
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return list
}

// real is the folder that dir stands for, or dir where there is none.
func real(dir string) string {
	if r, err := filepath.EvalSymlinks(dir); err == nil {
		return r
	}
	return dir
}
