//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// seed puts n events into a new store in dir, each with one delivery to the target of
// the shape one: waiting, or delivered at the first attempt. It goes round the intake
// and the sender, and writes by the store's own methods; so the rows are as they
// would be, and a million takes about a minute.
func seed(ctx context.Context, dir string, load *envelopes, n int, delivered bool) (err error) {
	s, err := store.Open(ctx, filepath.Join(dir, "bellbuoy.db"), store.Options{Version: "bench"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	const ruleSet = "bench"
	if err := s.PutRuleSet(ctx, ruleSet, []byte("[]")); err != nil {
		return err
	}
	// Fewer than are handed over in memory, so that of those that are to be delivered
	// none has to be read back.
	const writers = 128
	var (
		next atomic.Int64
		errs [writers]error
		wg   sync.WaitGroup
	)
	for w := range writers {
		wg.Go(func() {
			for errs[w] == nil {
				place := int(next.Add(1)) - 1
				if place >= n {
					return
				}
				body := load.body(stored, place, place%len(load.bodies))
				var a store.Arrival
				if a, errs[w] = arrival(body, ruleSet); errs[w] != nil {
					return
				}
				if _, errs[w] = s.Accept(ctx, a); errs[w] == nil && delivered {
					errs[w] = deliver(ctx, s)
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("fill a store: %w", err)
	}
	for delivered { // what the writers left to each other
		left, err := s.Claim(ctx, target(0), writers)
		if err != nil || len(left) == 0 {
			return err
		}
		if err := recorded(ctx, s, left); err != nil {
			return err
		}
	}
	return nil
}

// arrival is what the intake makes of body.
func arrival(body []byte, ruleSet string) (store.Arrival, error) {
	now := time.Now().UTC()
	read, err := distribution.Adapter{}.Read(&http.Request{}, body)
	if err != nil {
		return store.Arrival{}, err
	}
	src := translator.Source{Registry: event.Registry{Name: "hub", Type: "distribution"}, Received: now}
	a := store.Arrival{
		Registry: "hub", Received: now, Remote: "127.0.0.1:40000",
		Headers: map[string]string{"Content-Type": "application/vnd.docker.distribution.events.v2+json", "User-Agent": "Go-http-client/1.1"},
		Body:    store.Raw{Bytes: body, Size: int64(len(body)), SHA256: sha256.Sum256(body)},
	}
	for _, n := range read {
		for _, e := range translator.Distribution(src, n) {
			encoded, err := json.Marshal(e)
			if err != nil {
				return store.Arrival{}, err
			}
			a.Items = append(a.Items, store.Item{
				Event: e, Dedupe: true, Fingerprint: sha256.Sum256(n.Raw),
				Routing: store.Routing{
					JSON: encoded, RuleSet: ruleSet, Matched: []string{"rule-0"},
					Deliveries: []store.Planned{{
						ID: uuid.Must(uuid.NewV7()).String(), Target: target(0), Type: "webhook",
						Rule: "rule-0", Rules: []string{"rule-0"}, Key: e.Repository.FullName,
						Due: now, GiveUp: now.Add(72 * time.Hour), Hold: 5 * time.Minute,
					}},
				},
			})
		}
	}
	return a, nil
}

// deliver brings what is to be claimed to its end, as delivery would.
func deliver(ctx context.Context, s *store.Store) error {
	claimed, err := s.Claim(ctx, target(0), 64)
	if err != nil {
		return err
	}
	return recorded(ctx, s, claimed)
}

// recorded writes down that each of claimed was taken.
func recorded(ctx context.Context, s *store.Store, claimed []store.Claimed) error {
	outcomes := make([]store.Outcome, len(claimed))
	for i, c := range claimed {
		outcomes[i] = store.Outcome{
			Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt,
			State: store.Delivered, Time: time.Now(), Outcome: plugin.Delivered,
			Receipt: plugin.Receipt{
				Request: plugin.Request{Method: http.MethodPost, URL: "http://127.0.0.1/", Headers: map[string]string{"Content-Type": "application/json", "Webhook-Id": c.ID}},
				Status:  http.StatusOK, Latency: time.Millisecond,
			},
		}
	}
	return s.RecordNow(ctx, outcomes)
}
