package shoutrrr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// relay stands where the library takes the network to be. It carries nothing: it notes what
// is asked, and gives the answers that it was given. So the library is played as often as a
// message takes requests, and once more: each time it gets the answers that there are so far,
// and what it asks then is asked for real, by someone else. It runs between the requests and
// never during one, hence one play at a time costs nothing.
type relay struct {
	install func()
	mu      sync.Mutex // held while the library runs
	now     atomic.Pointer[exchange]
}

// exchange is one play. It is used by the goroutine that plays.
type exchange struct {
	answers []post.Reply // in the order of the requests
	given   int
	asked   *request // the first without an answer
}

// request is what the library asks.
type request struct {
	*http.Request
	body []byte
}

func newRelay() *relay {
	r := &relay{}
	// Most services ask by http.DefaultTransport and give no way to set another.
	r.install = sync.OnceFunc(func() { http.DefaultTransport = r })
	return r
}

// play runs send, which has the library send a message. It returns the first request that
// answers does not answer, or nil and what the library says to the answers.
func (r *relay) play(answers []post.Reply, send func() error) (*request, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.install()
	e := &exchange{answers: answers}
	r.now.Store(e)
	defer r.now.Store(nil)
	err := calmly(send)
	return e.asked, err
}

// calmly makes an error of a panic: some services do not expect that a request fails.
func calmly(send func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the library panicked: %v", p)
		}
	}()
	return send()
}

var errNoAnswer = errors.New("there is no answer yet")

// RoundTrip is [http.RoundTripper.RoundTrip]. Outside of a play it refuses: nothing goes
// past the guard of addresses by accident.
func (r *relay) RoundTrip(asked *http.Request) (*http.Response, error) {
	var body []byte
	if asked.Body != nil {
		var err error
		body, err = io.ReadAll(asked.Body)
		_ = asked.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	e := r.now.Load()
	if e == nil {
		return nil, errors.New("requests are made by package post in this process")
	}
	if e.given == len(e.answers) {
		if e.asked == nil {
			e.asked = &request{asked, body}
		}
		return nil, errNoAnswer
	}
	a := e.answers[e.given]
	e.given++
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)), StatusCode: a.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.Header.Clone(), Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: asked,
	}, nil
}
