package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func target() Target {
	return Target{Options: `{"url":"{server}/hook","token":"t0ken-of-the-kit"}`}
}

func TestGoodSenderPasses(t *testing.T) { Run(t, good{}, target()) }

// broken is a good sender with one promise broken.
type broken struct {
	good
	describe func(plugin.Description) plugin.Description
	check    func(plugin.Check, []plugin.Fault) ([]plugin.Fault, error)
	render   func(plugin.Delivery, plugin.Request) (plugin.Request, error)
	send     func(context.Context, plugin.Delivery) (plugin.Receipt, error)
}

func (b broken) Describe(ctx context.Context) (plugin.Description, error) {
	d, err := b.good.Describe(ctx)
	if b.describe != nil {
		d = b.describe(d)
	}
	return d, err
}

func (b broken) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	faults, err := b.good.Check(ctx, c)
	if b.check != nil {
		return b.check(c, faults)
	}
	return faults, err
}

func (b broken) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	r, err := b.good.Render(ctx, d)
	if b.render != nil && err == nil {
		return b.render(d, r)
	}
	return r, err
}

func (b broken) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	if b.send != nil {
		return b.send(ctx, d)
	}
	return b.good.Send(ctx, d)
}

// after makes a Send of good's own, with something changed in what comes of it.
func after(change func(*plugin.Receipt, error) error) func(context.Context, plugin.Delivery) (plugin.Receipt, error) {
	return func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
		r, err := good{}.Send(ctx, d)
		return r, change(&r, err)
	}
}

// senders are senders that break a promise each, and what the kit says of it.
func senders() map[string]struct {
	sender plugin.Sender
	says   string
} {
	var calls atomic.Int64
	var last atomic.Value
	last.Store(plugin.Request{})
	type row = struct {
		sender plugin.Sender
		says   string
	}
	description := func(f func(*plugin.Description)) plugin.Sender {
		return broken{describe: func(d plugin.Description) plugin.Description { f(&d); return d }}
	}
	return map[string]row{
		"fickle":         {description(func(d *plugin.Description) { d.Version = fmt.Sprint(calls.Add(1)) }), "does not say the same twice"},
		"no name":        {description(func(d *plugin.Description) { d.Type = "My Sender" }), "is not one that a config can name"},
		"no schema":      {description(func(d *plugin.Description) { d.Options = json.RawMessage(`{"type":"text"}`) }), `there is no type "text"`},
		"made-up secret": {description(func(d *plugin.Description) { d.Secrets = []string{"password"} }), `the secret option "password" is none that the schema has`},
		"strict schema": {description(func(d *plugin.Description) {
			d.Options = json.RawMessage(`{"type":"object","properties":{"url":{"type":"string","pattern":"^https:"},"token":{"type":"string"}}}`)
		}), `does not allow the good options`},
		"strict check": {broken{check: func(plugin.Check, []plugin.Fault) ([]plugin.Fault, error) {
			return []plugin.Fault{{Path: "url", Message: "is wrong"}}, nil
		}}, "finds fault with the good options"},
		"blind check": {broken{check: func(plugin.Check, []plugin.Fault) ([]plugin.Fault, error) { return nil, nil }}, "finds no fault where"},
		"one fault at a time": {broken{check: func(_ plugin.Check, f []plugin.Fault) ([]plugin.Fault, error) {
			return f[:min(1, len(f))], nil
		}}, "all are to be reported at once"},
		"check that fails": {broken{check: func(_ plugin.Check, f []plugin.Fault) ([]plugin.Fault, error) {
			if len(f) > 0 {
				return nil, errors.New("bad")
			}
			return nil, nil
		}}, "is a fault, not an error"},
		"fault that tells": {broken{check: func(c plugin.Check, f []plugin.Fault) ([]plugin.Fault, error) {
			if len(f) > 0 {
				f[0].Message = "is wrong: " + strings.Map(func(r rune) rune { return max(r, ' ') }, string(c.Options))
			}
			return f, nil
		}}, "a fault shows the secret"},
		"render that tells": {broken{render: func(d plugin.Delivery, r plugin.Request) (plugin.Request, error) {
			r.Headers["X-Token"] = "t0ken-of-the-kit"
			return r, nil
		}}, "Render's request shows the secret"},
		"render of something else": {broken{render: func(_ plugin.Delivery, r plugin.Request) (plugin.Request, error) {
			r.Body = `{"something":"else"}`
			return r, nil
		}}, "Render's request is not what the target gets: body is"},
		"render that hides a header": {broken{render: func(_ plugin.Delivery, r plugin.Request) (plugin.Request, error) {
			delete(r.Headers, "X-Token")
			return r, nil
		}}, "and not shown"},
		"panics": {broken{render: func(d plugin.Delivery, r plugin.Request) (plugin.Request, error) {
			var e event.Event
			if json.Unmarshal(d.Event, &e) == nil && e.Artifact == nil {
				panic("no artifact")
			}
			return r, nil
		}}, "Render panicked: no artifact"},
		"mixes up": {broken{render: func(_ plugin.Delivery, r plugin.Request) (plugin.Request, error) {
			if strings.Contains(r.Body, "kit/caller") {
				r = last.Swap(r).(plugin.Request)
			}
			return r, nil
		}}, "tells of another's"},
		"takes any answer": {broken{send: after(func(*plugin.Receipt, error) error { return nil })}, "a target that answers 400: delivered"},
		"gives up":         {broken{send: after(func(_ *plugin.Receipt, err error) error { return plugin.Permanent(err) })}, "a fault of the target's own passes"},
		"says too much": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			r, err := good{}.Send(ctx, d)
			r.Reply = strings.Repeat("x", 2000)
			return r, err
		}}, "2000 bytes, at most 1024"},
		"tells in an error": {broken{send: after(func(_ *plugin.Receipt, err error) error {
			if err != nil {
				return errors.New("with t0ken-of-the-kit: failed")
			}
			return nil
		})}, "the error shows the secret"},
		"makes up a scope": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			r, err := good{}.Send(ctx, d)
			r.Scope = plugin.ScopeSender
			return r, err
		}}, `the scope "sender" is not a sender's to give`},
		"follows": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			c := client()
			c.CheckRedirect = nil
			return good{}.sendWith(ctx, d, c)
		}}, "it was followed"},
		"goes anywhere": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			d.Egress = plugin.Egress{}
			return good{}.Send(ctx, d)
		}}, "it is out of reach"},
		"repeats": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			r, err := good{}.Send(ctx, d)
			if err != nil {
				r, err = good{}.Send(ctx, d)
			}
			return r, err
		}}, "a call is one attempt"},
		"never looks": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			if ctx.Err() != nil {
				return plugin.Receipt{}, nil
			}
			return good{}.Send(ctx, d)
		}}, "though its context had ended before"},
		"changes what it is given": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			defer func() {
				if len(d.Event) > 0 {
					d.Event[0] = ' '
				}
			}()
			return good{}.Send(ctx, d)
		}}, "the delivery was changed"},
		"reads all": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			c := client()
			c.Transport = readsAll{c.Transport}
			return good{}.sendWith(ctx, d, c)
		}}, "a little of it is enough"},
		"deaf": {broken{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			return good{}.Send(context.WithoutCancel(ctx), d)
		}}, "the host would kill the sender"},
	}
}

// readsAll reads an answer to its end before it hands it on.
type readsAll struct{ http.RoundTripper }

func (r readsAll) RoundTrip(q *http.Request) (*http.Response, error) {
	response, err := r.RoundTripper.RoundTrip(q)
	if err == nil && response.ContentLength < 0 {
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return nil, err
		}
	}
	return response, err
}

// TestBrokenSender is what the next test runs in another process: it is to fail.
func TestBrokenSender(t *testing.T) {
	if name, ok := os.LookupEnv("PLUGINTEST_BROKEN"); ok {
		(&kit{sender: calm{senders()[name].sender, t}, target: target(), patience: 5 * time.Second, deadline: 100 * time.Millisecond}).run(t)
	}
}

// The kit finds each broken promise, and says which it is.
func TestBrokenSendersAreFound(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range senders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, self, "-test.run=^TestBrokenSender$")
			cmd.Env = append(os.Environ(), "PLUGINTEST_BROKEN="+name)
			out, err := cmd.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), s.says) {
				t.Errorf("%v, and not a word of %q:\n%.3000s", err, s.says, out)
			}
		})
	}
}
