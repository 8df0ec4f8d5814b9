package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// aboutRecord are the answers that the same record would get again.
func aboutRecord() []*kerr.Error {
	return []*kerr.Error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp}
}

// aboutTopic are the answers that everything for the topic gets.
func aboutTopic() []*kerr.Error {
	return []*kerr.Error{
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InvalidTopicException, kerr.TopicAuthorizationFailed,
		kerr.PolicyViolation, kerr.UnsupportedCompressionType, kerr.UnsupportedForMessageFormat,
	}
}

// aboutUs are the answers that everything from this target gets.
func aboutUs() []*kerr.Error {
	return []*kerr.Error{
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed,
	}
}

// ofRecord reports whether err is an answer to the record itself, or to one that went with
// it.
func ofRecord(err error) bool {
	answer, ok := errors.AsType[*kerr.Error](err)
	return ok && slices.Contains(aboutRecord(), answer)
}

// ofUs reports whether err is an answer to who asks.
func ofUs(err error) bool {
	answer, ok := errors.AsType[*kerr.Error](err)
	return ok && slices.Contains(aboutUs(), answer)
}

// spoiled reports whether a client that err came from may go on saying the same though the
// broker would not.
func spoiled(err error) bool {
	answer, ok := errors.AsType[*kerr.Error](err)
	ofTopic := ofRecord(err) || slices.Contains(aboutTopic(), answer)
	return ok && !kerr.IsRetriable(answer) && !ofTopic || errors.Is(err, kgo.ErrClientClosed)
}

// judge says what err, which is not nil, means. trouble is why no broker can be talked to,
// if that is known. An answer of the broker's that is about none of the record, the
// topic and us is tried again: the broker is not well.
func (t *target) judge(ctx context.Context, err, trouble error) (plugin.Scope, error) {
	at := strings.Join(t.brokers, ", ")
	switch {
	case trouble != nil && (late(err) || errors.Is(err, kgo.ErrRecordRetries)):
		err = trouble // they say only that it was in vain
	case late(err) && ctx.Err() == nil:
		return "", fmt.Errorf("write to topic %s at %s: records before it in its partition are given up again and again: %w", t.topic, at, err)
	case strings.HasPrefix(err.Error(), "no partitions available after"):
		err = cmp.Or(errors.Unwrap(err), err) // which is why
	}
	answer, ok := errors.AsType[*kerr.Error](err)
	if !ok {
		if errors.Is(err, io.EOF) && t.mechanism != "" {
			err = fmt.Errorf("the broker closes the connection, perhaps for a wrong user or password of sasl: %w", err)
		}
		scope, err := post.Explain(ctx, at, err)
		return scope, errors.New(t.mask.Text(err.Error()))
	}
	err = errors.New(t.mask.Text(fmt.Sprintf("write to topic %s at %s: %v", t.topic, at, err)))
	switch {
	case slices.Contains(aboutRecord(), answer):
		return plugin.ScopeMessage, plugin.Permanent(err)
	case slices.Contains(aboutTopic(), answer), slices.Contains(aboutUs(), answer):
		return plugin.ScopeMisconfigured, plugin.Permanent(err)
	}
	return "", err
}
