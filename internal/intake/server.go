package intake

import (
	"log/slog"
	"net"
	"net/http"
	"time"
)

// NewServer returns a server for h with bounds that a registry's requests never reach
// and that a client which sends slowly, or endless headers, does. It speaks HTTP/1 only,
// so that what bounds connections bounds requests.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // of the whole request
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Serve serves the connections of l, with TLS where srv has a TLSConfig, at most 1024 at
// a time and 256 of one address other than loopback.
func Serve(srv *http.Server, l net.Listener, log *slog.Logger) error {
	l = limit(l, log)
	if srv.TLSConfig != nil {
		return srv.ServeTLS(l, "", "")
	}
	return srv.Serve(l)
}
