package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/intake"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// ErrUnreadable: a running bellbuoy would put the body into quarantine.
var ErrUnreadable = errors.New("unreadable, it would go to quarantine")

// WrongUse is what is wrong with what was asked for, and how to ask.
type WrongUse struct{ What string }

func (w *WrongUse) Error() string { return w.What }

func wrongUse(format string, args ...any) error { return &WrongUse{fmt.Sprintf(format, args...)} }

// Request is a notification as a registry posts it.
type Request struct {
	RegistryType string
	Registry     string // its name, of which ids are made; "" = the type
	Event        string // where the URL names it, as in /in/quay/build_start
	Header       http.Header
	// Open opens the body, once the rest is found to be right.
	Open     func() (io.ReadCloser, error)
	Received time.Time
}

// RegistryTypes are the types of registry that there are.
func RegistryTypes() []string { return slices.Sorted(maps.Keys(registryTypes())) }

// Translate says which events a running bellbuoy would make of r: by the same adapters
// and translators, all of them, those too that it would only count. An event of which no
// id can be derived gets a new one. Errors are a [WrongUse], wrap [ErrUnreadable], or are
// those of reading the body.
func Translate(ctx context.Context, r Request) ([]event.Event, error) {
	t, ok := registryTypes()[r.RegistryType]
	if !ok {
		return nil, unknownRegistryType(r.RegistryType)
	}
	if r.Registry == "" {
		r.Registry = r.RegistryType
	}
	return r.translate(ctx, t)
}

// translate reads the body and makes events of it as t does.
func (r Request) translate(ctx context.Context, t registryType) ([]event.Event, error) {
	body, err := r.read()
	if err != nil {
		return nil, fmt.Errorf("read the notification: %w", err)
	}
	req, err := r.http(ctx, body)
	if err != nil {
		return nil, err
	}
	src := translator.Source{
		Registry: event.Registry{Name: r.Registry, Type: r.RegistryType},
		Received: r.Received.UTC(),
	}
	var events []event.Event
	err = intake.Guard(func() (err error) {
		events, err = t.events(src, req, body)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return events, nil
}

// events reads and translates a request.
func (t registryType) events(src translator.Source, r *http.Request, body []byte) ([]event.Event, error) {
	notifications, err := t.adapter.Read(r, body)
	if err != nil {
		return nil, err
	}
	var events []event.Event
	for _, n := range notifications {
		for _, e := range t.translate(src, n) {
			if e.ID == "" {
				e.ID = uuid.Must(uuid.NewV7()).String()
			}
			events = append(events, e)
		}
	}
	return events, nil
}

func unknownRegistryType(typ string) error {
	return wrongUse("unknown registry type %q: %s", typ, config.Suggest(typ, RegistryTypes()))
}

// read reads the body whole.
func (r Request) read() ([]byte, error) {
	f, err := r.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, adapters.MaxBody+1))
	if err == nil && len(body) > adapters.MaxBody {
		err = fmt.Errorf("it is larger than %d MiB, which a running bellbuoy refuses", adapters.MaxBody>>20)
	}
	return body, err
}

// http makes the request that the registry would send.
func (r Request) http(ctx context.Context, body []byte) (*http.Request, error) {
	path := intake.Prefix + r.Registry
	if r.Event != "" {
		path += "/" + r.Event
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request of the notification: %w", err)
	}
	req.Header = r.Header
	req.SetPathValue("event", r.Event)
	return req, nil
}
