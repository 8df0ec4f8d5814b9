package post

import (
	"crypto/sha256"
	"crypto/tls"
	"net/url"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Way is how a target is reached that does not go the common way: by which proxy, and who
// is trusted and shown over TLS. It does not change; equal ones share connections.
type Way struct {
	key   string
	proxy *url.URL // nil: the environment's
	tls   *tls.Config
}

func newWay(proxy *url.URL, files *Files) *Way {
	if proxy == nil && files == nil {
		return nil
	}
	w := &Way{proxy: proxy}
	h := sha256.New()
	if proxy != nil {
		_, _ = h.Write([]byte(proxy.String()))
	}
	if files != nil {
		w.tls = files.config()
		_, _ = h.Write([]byte{0})
		_, _ = h.Write(files.sum[:])
	}
	w.key = string(h.Sum(nil))
	return w
}

// Key tells ways apart that must not share connections; "" is the way of all others.
func (w *Way) Key() string {
	if w == nil {
		return ""
	}
	return w.key
}

// TLS is for who connects by itself, and may be changed.
func (w *Way) TLS() *tls.Config {
	if w == nil || w.tls == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return w.tls.Clone()
}

// Route finds the way of a target whose options name files that may be renewed meanwhile.
type Route struct {
	proxy *url.URL
	tls   TLS

	mu    sync.Mutex
	stamp string
	way   *Way
}

// NewRoute reads what t names, and reports what is wrong with it by the names of
// [TLSOptions]; proxy may be nil.
func NewRoute(proxy *url.URL, t TLS, restricted bool) (*Route, []plugin.Fault) {
	r := &Route{proxy: proxy, tls: t, stamp: t.stamp()}
	files, faults := t.Read(restricted, time.Now())
	for i := range faults {
		faults[i].Path = "tls." + faults[i].Path
	}
	if plugin.Failed(faults) {
		return nil, faults
	}
	r.way = newWay(proxy, files)
	return r, faults
}

// Way is the route's, by its files as they are now. While those cannot be used, as between
// the writing of a certificate and of its key, it is the way of before.
func (r *Route) Way() *Way {
	if r == nil {
		return nil
	}
	stamp := r.tls.stamp()
	r.mu.Lock()
	defer r.mu.Unlock()
	if stamp == r.stamp {
		return r.way
	}
	files, faults := r.tls.Read(false, time.Now())
	if !plugin.Failed(faults) {
		r.stamp, r.way = stamp, newWay(r.proxy, files)
	}
	return r.way
}
