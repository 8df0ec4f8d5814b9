package intake

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certCheck is how long a changed certificate may be overlooked.
const certCheck = time.Second

// Certificate is what the listener shows to registries, from two files. They are read
// again when they change, so that a renewed certificate needs no restart; until both fit
// each other, the last good pair stays.
type Certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	files   [2]os.FileInfo // that it was loaded from
	looked  time.Time
	failure string // the last that was logged
}

// ReadCertificate reads the certificate and the key in two PEM files.
func ReadCertificate(cert, key string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, log: log}
	files, err := c.stat()
	if err == nil {
		err = c.load(files)
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return c, nil
}

// Config returns the TLS of a listener that shows c: version 1.2 or later. Clients are
// asked for a certificate and may have none. Whether it is good depends on the registry
// that they post as, so the [Handler] checks it ([ClientCA]).
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
		ClientAuth:     tls.RequestClientCert,
	}
}

// current returns the certificate, after a look at the files.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < certCheck {
		return c.loaded
	}
	c.looked = time.Now()
	files, err := c.stat()
	if err == nil && same(files[0], c.files[0]) && same(files[1], c.files[1]) {
		c.failure = ""
		return c.loaded
	}
	if err == nil {
		err = c.load(files)
	}
	switch {
	case err == nil:
		c.failure = ""
		c.log.Info("the certificate has changed and was read again", "file", c.cert, "expires", c.loaded.Leaf.NotAfter)
	case err.Error() != c.failure:
		c.failure = err.Error()
		c.log.Error("the certificate has changed and cannot be read; the last one stays", "error", err)
	}
	return c.loaded
}

func (c *Certificate) stat() (files [2]os.FileInfo, err error) {
	for i, name := range []string{c.cert, c.key} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

// load reads the files, which were as files says before.
func (c *Certificate) load(files [2]os.FileInfo) error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.cert, c.key, err)
	}
	c.loaded, c.files = &pair, files
	return nil
}

func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
