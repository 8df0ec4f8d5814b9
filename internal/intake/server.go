package intake

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// maxConns is how many connections are served at a time; more wait to be accepted.
const maxConns = 1024

// NewServer returns a server for h with bounds that a registry's requests never reach
// and that a client which sends slowly, or endless headers, does.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // of the whole request
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Limit bounds the connections of l.
func Limit(l net.Listener) net.Listener { return netutil.LimitListener(l, maxConns) }
