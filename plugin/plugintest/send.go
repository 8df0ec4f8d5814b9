package plugintest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// call makes one attempt, and fails the test where it does not return soon after its
// context has ended.
func (k *kit) call(ctx context.Context, t *testing.T, what string, d plugin.Delivery) (plugin.Receipt, error) {
	t.Helper()
	type result struct {
		receipt plugin.Receipt
		err     error
	}
	done := make(chan result, 1)
	go func() {
		receipt, err := k.sender.Send(ctx, d)
		done <- result{receipt, err}
	}()
	select {
	case r := <-done:
		return r.receipt, r.err
	case <-time.After(k.patience):
		t.Fatalf("%s: the call did not return within %s, nor at its context's end: the host would kill the sender", what, k.patience)
		return plugin.Receipt{}, nil
	}
}

// send makes one attempt that takes as long as a patient host allows.
func (k *kit) send(t *testing.T, what string, d plugin.Delivery, limit time.Duration) (plugin.Receipt, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	receipt, err := k.call(ctx, t, what, d)
	k.bounded(t, what, receipt)
	k.hides(t, what+": the receipt", fmt.Sprintf("%+v", receipt), k.secretsOf(string(d.Options)))
	if err != nil {
		k.hides(t, what+": the error", err.Error(), k.secretsOf(string(d.Options)))
		if strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%s: the error says nothing", what)
		}
	}
	return receipt, err
}

func (k *kit) pushed() plugin.Delivery { return k.delivery(event.Sample(event.ArtifactPushed)) }

// answers: what a target says decides, one attempt a call.
func (k *kit) answers(t *testing.T) {
	k.server.play(k.target.Accept)
	receipt, err := k.send(t, "a target that takes it", k.pushed(), k.patience)
	if err != nil || receipt.Status < 200 || receipt.Status > 299 {
		t.Errorf("a target that takes it: %v, status %d in the receipt", err, receipt.Status)
	}
	if n := k.server.count(); n != 1 {
		t.Errorf("a target that takes it had %d requests, not 1", n)
	}
	for _, code := range []int{400, 401, 403, 404, 410, 413, 422, 429, 500, 502, 503, 504} {
		what := fmt.Sprintf("a target that answers %d", code)
		k.server.play(echo(code))
		receipt, err := k.send(t, what, k.pushed(), k.patience)
		v := plugin.ReadVerdict(err)
		switch {
		case err == nil:
			t.Errorf("%s: delivered", what)
		case code >= 500 && v.Outcome == plugin.PermanentFail:
			t.Errorf("%s: permanent, though a fault of the target's own passes", what)
		case code == http.StatusTooManyRequests && v.Outcome == plugin.PermanentFail:
			t.Errorf("%s: permanent, though it only asks to wait", what)
		}
		if receipt.Status != code {
			t.Errorf("%s: status %d in the receipt", what, receipt.Status)
		}
		if n := k.server.count(); n != 1 {
			t.Errorf("%s: %d requests; a call is one attempt, the host repeats it", what, n)
		}
	}
}

// redirects: none is followed, since it leads where the operator did not say.
func (k *kit) redirects(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		what := fmt.Sprintf("a target that redirects with %d", code)
		k.server.play(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == elsewhere {
				k.target.Accept(w, r)
				return
			}
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(code)
		})
		if _, err := k.send(t, what, k.pushed(), k.patience); err == nil {
			t.Errorf("%s: delivered", what)
		}
		if n := k.server.count(); n != 1 {
			t.Errorf("%s: it was followed", what)
		}
	}
}

// egress: for a target that is restricted the sender goes to public addresses only, and to
// those that are allowed; the kit's server is neither until it is.
func (k *kit) egress(t *testing.T) {
	k.server.play(k.target.Accept)
	d := k.pushed()
	d.Egress = plugin.Egress{Restricted: true}
	if _, err := k.send(t, "a restricted target on loopback", d, k.patience); err == nil || k.server.count() > 0 {
		t.Errorf("a restricted target on loopback: %v, %d requests; it is out of reach by the delivery's Egress", err, k.server.count())
	}
	d.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if _, err := k.send(t, "a restricted target that is allowed", d, k.patience); err != nil {
		t.Errorf("a restricted target in a network that is allowed: %v", err)
	}
}

// badTargets: whatever a target does, the call returns, says no more than the contract
// lets it, and can be made again where that may help.
func (k *kit) badTargets(t *testing.T) {
	again := func(what string, answer http.HandlerFunc) {
		t.Helper()
		k.server.play(answer)
		_, err := k.send(t, what, k.pushed(), k.deadline)
		if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry {
			t.Errorf("%s: %s (%v); it is to be tried again", what, v.Outcome, err)
		}
	}
	again("a target that hangs", k.server.hang)
	again("a target that hangs up", raw(""))
	again("a target that hangs up within its first line", raw("HTTP/1.1 2"))
	again("a target that talks no HTTP", raw("SSH-2.0-OpenSSH_9.2\r\n"))
	again("a target with an endless head", raw("HTTP/1.1 200 OK\r\n"+strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 5000)))

	for what, answer := range map[string]http.HandlerFunc{
		"a target that answers a byte at a time": k.server.drip,
		"a target whose answer is cut off":       raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"),
		"a target that answers with no text":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\xff\xfe\x00\x1b[31m") },
	} {
		k.server.play(answer)
		if _, err := k.send(t, what, k.pushed(), k.deadline); plugin.ReadVerdict(err).Outcome == plugin.PermanentFail {
			t.Errorf("%s: permanent: %v", what, err)
		}
	}
	for _, code := range []int{200, 400, 500} {
		what := fmt.Sprintf("a target that answers %d without end", code)
		k.server.play(k.server.endless(code))
		_, _ = k.send(t, what, k.pushed(), k.patience)
		if n := k.server.wrote(); n >= most/2 {
			t.Errorf("%s: %d MiB of it were read; a little of it is enough", what, n>>20)
		}
	}

	gone := httptest.NewServer(http.NotFoundHandler())
	d := k.pushed()
	d.Options = []byte(strings.ReplaceAll(k.target.Options, placeholder, gone.URL))
	gone.Close()
	if _, err := k.send(t, "a target where nobody listens", d, k.patience); plugin.ReadVerdict(err).Outcome != plugin.Retry {
		t.Errorf("a target where nobody listens: %v; it is to be tried again", err)
	}
}

// context: a call ends with it, before, during and after the request.
func (k *kit) context(t *testing.T) {
	k.server.play(k.target.Accept)
	k.deadContext(t)
	k.server.play(k.server.hang)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for k.server.count() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := k.call(ctx, t, "a context that is cancelled within the request", k.pushed()); plugin.ReadVerdict(err).Outcome != plugin.Retry {
		t.Errorf("a send that was cancelled: %v; it is to be tried again", err)
	}
}

// callsAtOnce: calls for different events do not get into each other's way.
func (k *kit) callsAtOnce(t *testing.T) {
	const callers, each = 16, 8
	if k.byHTTP() {
		k.server.play(k.target.Accept)
	}
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for n := range each {
				e := event.Sample(event.ArtifactPushed)
				e.Repository.FullName = fmt.Sprintf("kit/caller-%d-%d", c, n)
				d := k.delivery(e)
				options := k.good()[n%len(k.good())]
				d.Options = k.at(options)
				first, err := k.sender.Render(t.Context(), d)
				if err != nil {
					t.Errorf("Render: %v", err)
				}
				if !strings.Contains(first.Body+first.URL, e.Repository.FullName) && strings.Contains(first.Body+first.URL, "kit/caller-") {
					t.Errorf("Render of an event of %s tells of another's: %s", e.Repository.FullName, first.Body)
				}
				if faults, err := k.sender.Check(t.Context(), plugin.Check{Options: d.Options}); err != nil || plugin.Failed(faults) {
					t.Errorf("Check: %+v, %v", faults, err)
				}
				if desc, err := k.sender.Describe(t.Context()); err != nil || desc.Type != k.desc.Type {
					t.Errorf("Describe: %v", err)
				}
				if k.byHTTP() && strings.Contains(options, placeholder) || k.target.Takes {
					if _, err := k.sender.Send(t.Context(), d); err != nil {
						t.Errorf("Send: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
}
