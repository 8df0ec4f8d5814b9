package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// tooLarge is JetStream's code for a message that is larger than its stream takes.
const tooLarge jetstream.ErrorCode = 10054

// judge says what err, of an attempt that came to nothing, means.
func (t *target) judge(ctx context.Context, err error) (plugin.Scope, error) {
	host := t.url.Host
	said := func(format string, args ...any) error {
		return errors.New(t.mask.Reply(fmt.Sprintf(format, args...)))
	}
	if refused, ok := errors.AsType[*jetstream.APIError](err); ok {
		failure := said("the stream at %s does not take the message: %s (%d)", host, refused.Description, refused.ErrorCode)
		if refused.ErrorCode == tooLarge {
			failure = plugin.Permanent(failure)
		}
		return "", failure
	}
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		return plugin.ScopeMisconfigured, plugin.Permanent(said("%s lets this user not publish, or not hear the answer: %v", host, err))
	case refusal(err):
		return plugin.ScopeMisconfigured, plugin.Permanent(said("%s does not let us in: %v", host, err))
	case errors.Is(err, nats.ErrMaxPayload):
		return "", plugin.Permanent(said("the message is larger than %s takes (max_payload)", host))
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return "", said("nobody at %s takes the subject %s: no stream has it, or JetStream is off", host, t.subject)
	case errors.Is(err, jetstream.ErrInvalidJSAck):
		return "", said("what answers at %s to the subject %s is no stream, so the message is not confirmed", host, t.subject)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return plugin.ScopeMisconfigured, said("%s speaks no TLS, and the options demand it", host)
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return plugin.ScopeMisconfigured, said("%s knows no nkeys and no credentials", host)
	case errors.Is(err, nats.ErrHeadersNotSupported):
		return plugin.ScopeMisconfigured, said("%s takes no headers, which NATS has since 2.2", host)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected):
		return "", said("the connection to %s was lost before the message was confirmed", host)
	}
	scope, err := post.Explain(ctx, host, err)
	if strings.Contains(err.Error(), "closed by remote after TLS handshake") {
		return scope, said("%v: it may want another client certificate", err)
	}
	return scope, said("%v", err)
}
