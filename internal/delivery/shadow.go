package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// How often a sender is asked for a request before its error is kept in the place of it,
// and how long it is left alone in between: it may have died and be started anew.
const (
	shadowTries = 3
	shadowPause = time.Second
)

// shadow ends o with the request that would have been sent, or with the error that keeps
// it from being made: nothing is attempted, so that there is nothing to try again. composed
// is how making the message failed. When the sends end, it is given back.
func (d *Dispatcher) shadow(t Target, delivery plugin.Delivery, native bool, o store.Outcome, composed error) store.Outcome {
	request, err := plugin.Request{}, composed
	if err == nil {
		request, err = d.rendered(t, delivery)
	}
	if d.sends.Err() != nil {
		o.Returned = true
		return o
	}
	o.State, o.Receipt.Request = store.Shadowed, request
	o.Reason = "the target is in shadow mode"
	if err != nil {
		o.Error = err.Error()
		o.Reason += ", and the request could not be made"
	}
	shown, _ := delivery.Message()
	if r := &o.Receipt.Request; r.Body == string(shown) && (native || delivery.Body == nil) {
		r.Body, o.Native = "", native // which the trace has already
	}
	t.mask(&o)
	if now, known := d.Target(o.Target); known {
		now.mask(&o)
	}
	return o
}

// rendered asks the sender for the request, again where that may help.
func (d *Dispatcher) rendered(t Target, delivery plugin.Delivery) (plugin.Request, error) {
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(d.sends, t.Timeout)
		request, err := d.Render(ctx, delivery)
		cancel()
		if err == nil && request.Method == "" && request.URL == "" && request.Body == "" {
			err = errors.New("the sender does not say what it would send")
		}
		if err == nil || try == shadowTries || d.sends.Err() != nil || plugin.ReadVerdict(err).Outcome == plugin.PermanentFail {
			return request, err
		}
		pause(d.sends, shadowPause)
	}
}
