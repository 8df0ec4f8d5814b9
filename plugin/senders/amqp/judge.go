package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// judge says what err, of an attempt that came to nothing, means.
func (t *target) judge(ctx context.Context, err error) (plugin.Scope, error) {
	host := t.url.Host
	said := func(format string, args ...any) error {
		return errors.New(t.mask.Reply(fmt.Sprintf(format, args...)))
	}
	if returned, ok := errors.AsType[unroutable](err); ok {
		return "", said("no queue at %s gets what is published to %s: %d %s", host, t.place(), returned.ReplyCode, returned.ReplyText)
	}
	if why, ok := errors.AsType[blocked](err); ok {
		return "", said("%s takes no messages now: %s", host, string(why))
	}
	if err == errNack {
		return "", said("%s did not take the message: a queue is full, or the broker has a fault", host)
	}
	told, ok := errors.AsType[*amqp.Error](err)
	if !ok {
		scope, err := post.Explain(ctx, host, err)
		return scope, said("%v", err)
	}
	if told == amqp.ErrCredentials || told == amqp.ErrSASL {
		return plugin.ScopeMisconfigured, plugin.Permanent(said("%s does not let %s in: it hung up at the login, or takes no password", host, t.user))
	}
	if !told.Server { // the library's own words for a connection that is gone
		return "", said("the connection to %s was lost before the message was confirmed: %s", host, told.Reason)
	}
	failure := said("%s answered %d %s", host, told.Code, told.Reason)
	switch told.Code {
	case amqp.ContentTooLarge, amqp.PreconditionFailed: // the second is RabbitMQ's
		return "", plugin.Permanent(failure)
	case amqp.NotFound, amqp.AccessRefused, amqp.InvalidPath:
		return plugin.ScopeMisconfigured, plugin.Permanent(failure)
	case amqp.NotAllowed:
		if strings.Contains(told.Reason, "limit") { // of connections, which others may end
			return "", failure
		}
		return plugin.ScopeMisconfigured, plugin.Permanent(failure)
	}
	return "", failure
}

// place is where messages go, for people.
func (t *target) place() string {
	switch {
	case t.exchange == "":
		return "the queue " + t.key
	case t.key == "":
		return "the exchange " + t.exchange
	}
	return "the exchange " + t.exchange + " by " + t.key
}
