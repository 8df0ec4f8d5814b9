// Package distribution runs a real CNCF Distribution registry in this process, on
// loopback and with its images in memory, and acts on it as a real client does.
package distribution

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // the driver registers itself
	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
)

// Registry is a running registry.
type Registry struct {
	host   string
	app    *handlers.App
	server *http.Server
	served chan error
}

// Config is the configuration of a registry that posts its notifications to url
// with a bearer token. It tries again every 100 ms, to spare tests the wait.
func Config(url, bearer string) *configuration.Configuration {
	return &configuration.Configuration{
		Notifications: configuration.Notifications{
			EventConfig: configuration.Events{IncludeReferences: true},
			Endpoints: []configuration.Endpoint{{
				Name:      "bellbuoy",
				URL:       url,
				Headers:   http.Header{"Authorization": {"Bearer " + bearer}},
				Timeout:   5 * time.Second,
				Threshold: 1,
				Backoff:   100 * time.Millisecond,
			}},
		},
	}
}

// Load reads a registry's own config.yml, as the registry does.
func Load(file string) (*configuration.Configuration, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open the registry's configuration: %w", err)
	}
	defer f.Close()
	c, err := configuration.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("read the registry's configuration %s: %w", file, err)
	}
	return c, nil
}

// Start runs a registry with the notifications of c; its address and storage are
// replaced by a free one on loopback and by memory. Logs of every registry in this
// process go to the logs of the last one started.
//
// Distribution has no way to end the queue of an endpoint: after [Registry.Close] a
// goroutine goes on posting what is left in it.
func Start(ctx context.Context, c *configuration.Configuration, logs io.Writer) (*Registry, error) {
	l, err := loopback.Listen()
	if err != nil {
		return nil, err
	}
	return StartOn(ctx, l, c, logs), nil
}

// StartOn is [Start] with a listener of the caller's.
func StartOn(ctx context.Context, l net.Listener, c *configuration.Configuration, logs io.Writer) *Registry {
	logrus.SetOutput(logs)
	c.HTTP.Addr = l.Addr().String()
	c.Storage = configuration.Storage{
		"inmemory":    configuration.Parameters{},
		"delete":      configuration.Parameters{"enabled": true},
		"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
	}
	app := handlers.NewApp(instance{ctx, uuid.NewString()}, c)
	r := &Registry{
		host:   c.HTTP.Addr,
		app:    app,
		server: &http.Server{Handler: app, ReadHeaderTimeout: 10 * time.Second},
		served: make(chan error, 1),
	}
	go func() { r.served <- r.server.Serve(l) }()
	return r
}

// Host is the registry's host and port, as in an image's name.
func (r *Registry) Host() string { return r.host }

// Close ends the registry.
func (r *Registry) Close() error {
	err := r.server.Close()
	if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, r.app.Shutdown())
}

// instance gives a registry the id that its own main would: it stands in every
// event's source, new at each start.
type instance struct {
	context.Context
	id string
}

func (i instance) Value(key any) any {
	if key == "instance.id" {
		return i.id
	}
	return i.Context.Value(key)
}
