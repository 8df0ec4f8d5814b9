package intake

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// maxReason is how much is kept of the reason for which a body is quarantined.
const maxReason = 1 << 10

// arrival reads, translates and routes the request, all that can be done before it is
// written down.
func (h *Handler) arrival(r *http.Request, plan *Plan, name string, reg Registry, body []byte) store.Arrival {
	now := time.Now().UTC()
	a := store.Arrival{
		Registry: name,
		Received: now,
		Remote:   r.RemoteAddr,
		Headers:  reg.publicHeaders(r.Header),
		Body:     keep(body),
	}
	src := translator.Source{
		Registry: event.Registry{Name: name, Type: reg.Type},
		Received: now,
	}
	err := Guard(func() error { return h.fill(&a, plan, reg, src, r, body) })
	if p, ok := errors.AsType[*Panicked](err); ok {
		h.log.Error("reading a notification failed: this is a fault in bellbuoy", "registry", name, "panic", p.Value)
	}
	if err != nil {
		a.Items, a.Counted = nil, nil
		a.Quarantine = clip(err.Error(), maxReason)
	}
	return a
}

// fill adds the request's events to a. An error is the reason for which the body goes
// to quarantine.
func (h *Handler) fill(a *store.Arrival, plan *Plan, reg Registry, src translator.Source, r *http.Request, body []byte) error {
	notifications, err := reg.Adapter.Read(r, body)
	if err != nil {
		return err
	}
	held := map[place]time.Time{}
	for _, n := range notifications {
		fingerprint := sha256.Sum256(n.Raw)
		for _, e := range reg.Translate(src, n) {
			ask := reg.enrich(&e)
			if plan.unasked(&e, ask) || reg.own(&e) {
				if a.Counted == nil {
					a.Counted = make(map[event.Type]int)
				}
				a.Counted[e.Type]++
				continue
			}
			item := store.Item{Dedupe: e.ID != "", Fingerprint: fingerprint}
			if e.ID == "" {
				e.ID = newID()
			}
			item.Event = e
			if item.Hold = h.room.hold(&e, ask, a.Received, held); item.Hold == nil {
				if item.Routing, err = plan.route(&e, a.Received); err != nil {
					return err
				}
			}
			a.Items = append(a.Items, item)
		}
	}
	return nil
}

// newID returns a UUIDv7; its order is that of time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// clip cuts s to at most n bytes, of valid UTF-8.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
