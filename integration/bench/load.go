//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/poster"
)

// envelopes makes the bodies of a batch quickly: one is written out for each
// repository, and only the id is put in anew.
type envelopes struct {
	number int
	bodies [][]byte // one a repository
	at     []int    // where the id stands in it
}

const repositories = 128

func newEnvelopes(number int) (*envelopes, error) {
	e := &envelopes{number: number}
	id := fmt.Sprintf(idFormat, 0, 0)
	for i := range repositories {
		body, err := poster.Envelope(id, fmt.Sprintf("team/app-%03d", i), "v1.2.3", time.Now().UTC())
		if err != nil {
			return nil, err
		}
		e.bodies = append(e.bodies, body)
		e.at = append(e.at, bytes.Index(body, []byte(id)))
	}
	return e, nil
}

// body returns the body of the event at place, for repository number r.
func (e *envelopes) body(place, r int) []byte {
	body := bytes.Clone(e.bodies[r])
	copy(body[e.at[r]:], fmt.Sprintf(idFormat, e.number, place))
	return body
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
func closed(ctx context.Context, b *batch, conns []*poster.Poster) (time.Duration, error) {
	e, err := newEnvelopes(b.number)
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	start := time.Now()
	err = each(conns, func(c int, p *poster.Poster) error {
		// A connection keeps to its own repositories, so that each is in order.
		own := max(1, repositories/len(conns))
		for i := 0; ; i++ {
			place := int(next.Add(1)) - 1
			if place >= len(b.due) {
				return nil
			}
			body := e.body(place, (c*own+i%own)%repositories)
			b.due[place] = time.Now()
			if err := accepted(p.Post(ctx, body)); err != nil {
				return err
			}
		}
	})
	return time.Since(start), err
}

// open posts the batch at so many events a second whatever the answers. An event's
// time counts from when it was due, so that one that waits for a slow answer before
// it is counted as late.
func open(ctx context.Context, b *batch, conns []*poster.Poster, rate int) error {
	e, err := newEnvelopes(b.number)
	if err != nil {
		return err
	}
	start := time.Now()
	for place := range b.due {
		b.due[place] = start.Add(time.Duration(place) * time.Second / time.Duration(rate))
	}
	return each(conns, func(c int, p *poster.Poster) error {
		for place := c; place < len(b.due); place += len(conns) {
			body := e.body(place, c%repositories)
			time.Sleep(time.Until(b.due[place]))
			if err := accepted(p.Post(ctx, body)); err != nil {
				return err
			}
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
