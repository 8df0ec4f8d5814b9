//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/poster"
)

// apps is how many repositories there are that events can be about.
const apps = 10_000

// repository is the name of the one with number i.
func repository(i int) string { return fmt.Sprintf("team-%02d/app-%02d", i/100, i%100) }

// envelopes makes bodies quickly: one is written out for each repository, and only
// the id and the digest are put in anew.
type envelopes struct {
	bodies  [][]byte // one a repository
	at      []int    // where the id stands in it
	digests [][]int  // where the digest's hex digits stand in it
}

func newEnvelopes(repositories int) (*envelopes, error) {
	e := &envelopes{}
	id := fmt.Sprintf(idFormat, 0, 0)
	digest := sum(id)
	for i := range repositories {
		body, err := poster.Envelope(id, repository(i), "v1.2.3", time.Now().UTC())
		if err != nil {
			return nil, err
		}
		var digests []int
		for at := 0; ; {
			n := bytes.Index(body[at:], digest)
			if n < 0 {
				break
			}
			digests = append(digests, at+n)
			at += n + len(digest)
		}
		e.bodies = append(e.bodies, body)
		e.at = append(e.at, bytes.Index(body, []byte(id)))
		e.digests = append(e.digests, digests)
	}
	return e, nil
}

func sum(id string) []byte {
	h := sha256.Sum256([]byte(id))
	return hex.AppendEncode(nil, h[:])
}

// body returns that of the event at place of a batch, for repository number r.
func (e *envelopes) body(batch, place, r int) []byte {
	body := bytes.Clone(e.bodies[r])
	id := fmt.Sprintf(idFormat, batch, place)
	copy(body[e.at[r]:], id)
	digest := sum(id)
	for _, at := range e.digests[r] {
		copy(body[at:], digest)
	}
	return body
}

// first returns an envelopes of no more than n repositories.
func (e *envelopes) first(n int) *envelopes {
	return &envelopes{e.bodies[:n], e.at[:n], e.digests[:n]}
}

// repository is what connection c of so many has its event number i about: each
// keeps to its own, so that the events of each repository are posted in order.
func (e *envelopes) repository(c, connections, i int) int {
	own := max(1, len(e.bodies)/connections)
	return (c*own + i%own) % len(e.bodies)
}

// connections are posters, each with one connection of its own, or one for each
// event as a registry has it.
func (r *running) connections(n int, anew bool) []*poster.Poster {
	all := make([]*poster.Poster, n)
	for i := range all {
		p := r.intake
		p.Client = &http.Client{
			Transport: &http.Transport{MaxConnsPerHost: 1, DisableKeepAlives: anew},
			Timeout:   30 * time.Second,
		}
		all[i] = &p
	}
	return all
}

// closed posts the whole batch over the given connections, each posting its next
// event when the last was answered. It returns how long the posting took.
func closed(ctx context.Context, b *batch, e *envelopes, conns []*poster.Poster) (time.Duration, error) {
	var next atomic.Int64
	start := time.Now()
	err := each(conns, func(c int, p *poster.Poster) error {
		for i := 0; ; i++ {
			place := int(next.Add(1)) - 1
			if place >= len(b.due) {
				return nil
			}
			body := e.body(b.number, place, e.repository(c, len(conns), i))
			b.due[place] = time.Now()
			if err := accepted(p.Post(ctx, body)); err != nil {
				return err
			}
			b.answered[place] = time.Now()
		}
	})
	return time.Since(start), err
}

// open posts the batch at so many events a second whatever the answers. An event's
// time counts from when it was due, so that one that waits for a slow answer before
// it is counted as late.
func open(ctx context.Context, b *batch, e *envelopes, conns []*poster.Poster, rate int) error {
	start := time.Now()
	for place := range b.due {
		b.due[place] = start.Add(time.Duration(place) * time.Second / time.Duration(rate))
	}
	return each(conns, func(c int, p *poster.Poster) error {
		for i, place := 0, c; place < len(b.due); i, place = i+1, place+len(conns) {
			body := e.body(b.number, place, e.repository(c, len(conns), i))
			time.Sleep(time.Until(b.due[place]))
			if err := accepted(p.Post(ctx, body)); err != nil {
				return err
			}
			b.answered[place] = time.Now()
		}
		return nil
	})
}

func accepted(status int, err error) error {
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("an event was answered %d", status)
	}
	return err
}

// each runs f for every connection at the same time, and closes them.
func each(conns []*poster.Poster, f func(int, *poster.Poster) error) error {
	errs := make([]error, len(conns))
	var wg sync.WaitGroup
	for c, p := range conns {
		wg.Go(func() {
			errs[c] = f(c, p)
			p.Client.CloseIdleConnections()
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
