package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// The header by which a CloudEvents web hook is told who wants to send, and how it answers.
const (
	requestOrigin = "Webhook-Request-Origin"
	allowedOrigin = "Webhook-Allowed-Origin"
)

// consentFor is how long a target's consent holds, by this process's memory.
const consentFor = 24 * time.Hour

// consent asks the target, before the first message, whether it takes messages from origin
// (HTTP 1.1 Web Hooks for Event Delivery, 4): only the header of its answer counts, not the
// status. Without consent nothing is sent, and it is asked again with the next attempt.
func (s *sender) consent(ctx context.Context, t *target, r post.Request) (plugin.Receipt, error) {
	var receipt plugin.Receipt
	_, _, err := t.consents.get(ctx, func(ctx context.Context) (*struct{}, time.Time, error) {
		ask := r
		ask.Method, ask.Body, ask.Header = http.MethodOptions, nil, http.Header{requestOrigin: {t.origin}}
		var err error
		receipt, err = s.client.Send(ctx, ask, func(reply post.Reply) (plugin.Scope, error) {
			for _, allowed := range reply.Header[allowedOrigin] {
				if allowed == "*" || strings.EqualFold(allowed, t.origin) {
					return "", nil
				}
			}
			return plugin.ScopeMisconfigured, fmt.Errorf("the target does not consent to messages from %s: it answered OPTIONS with %d and no WebHook-Allowed-Origin of that name", t.origin, reply.Status)
		})
		if err != nil {
			return nil, time.Time{}, &refusal{err, receipt.Scope}
		}
		return &struct{}{}, time.Now().Add(consentFor), nil
	})
	if refused, ok := errors.AsType[*refusal](err); ok {
		receipt.Scope = refused.scope // also where another asked
	}
	return receipt, err
}

// refusal is an error and what it is about.
type refusal struct {
	error
	scope plugin.Scope
}

func (r *refusal) Unwrap() error { return r.error }
