package shoutrrr

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// judge reads an answer by its status, whatever the service. That a token or an address is
// wrong is told by 401, 403 and 404 alike; what to wait after 429 some tell in the body.
func judge(r post.Reply) (plugin.Scope, error) {
	scope, err := post.ByStatus(r)
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return plugin.ScopeMisconfigured, plugin.Permanent(fmt.Errorf("%w: the token, or another part of the URL, is not one that the service takes", err))
	case http.StatusTooManyRequests:
		if after := pause(r.Body); plugin.ReadVerdict(err).Until.IsZero() && after > 0 {
			return scope, plugin.Throttled(err, r.At.Add(after))
		}
	}
	return scope, err
}

// pause is how long Telegram or Matrix asks to be left alone, up to a day.
func pause(body []byte) time.Duration {
	var said struct {
		Parameters struct {
			Seconds float64 `json:"retry_after"`
		} `json:"parameters"`
		Milliseconds float64 `json:"retry_after_ms"`
	}
	if json.Unmarshal(body, &said) != nil {
		return 0
	}
	seconds := max(said.Parameters.Seconds, said.Milliseconds/1000, 0)
	return time.Duration(min(seconds, 24*60*60) * float64(time.Second))
}

// accepted is what is made of an answer 2xx, after all that the library asks: err is its own
// word. What it does not take for an answer of the service's says nothing of the message.
func (t *service) accepted(r post.Reply, err error) error {
	if err == nil && t.name == "telegram" && !ok(r.Body) {
		// The library takes what is no JSON, a proxy's page, for success.
		err = errors.New(`it does not say "ok"`)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("the target answered %d, which the service's way of answering makes no success: %s", r.Status, t.hide(err))
}

func ok(body []byte) bool {
	var said struct{ OK bool }
	return json.Unmarshal(body, &said) == nil && said.OK
}

// unsent is the error of a message for which the library asks nothing.
func (t *service) unsent(d plugin.Delivery, err error) error {
	if err == nil {
		err = errors.New("the library made no request of it")
	}
	return plugin.Permanent(fmt.Errorf("make the request for target %s: %s", d.Target, t.hide(err)))
}

// hide is err in one line without anything of the URL.
func (t *service) hide(err error) string {
	s := strings.Join(strings.Fields(t.all.Text(err.Error())), " ")
	return strings.ToValidUTF8(s[:min(len(s), 500)], "")
}
