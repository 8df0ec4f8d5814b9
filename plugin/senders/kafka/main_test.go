package kafka

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding/bindingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "registry-events"

// start starts a cluster; its topic has four partitions.
func start(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(4, topic)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// making makes a sender whose connections end with the test.
func making(t *testing.T) *sender {
	t.Helper()
	s := newSender("1.2.3")
	s.retries = 1 // what does not pass is to be known soon
	t.Cleanup(s.lines.CloseIdle)
	return s
}

type fields map[string]any

// at are the options of a target on c.
func at(c *kfake.Cluster, more fields) fields {
	o := fields{"brokers": c.ListenAddrs(), "topic": topic}
	for k, v := range more {
		o[k] = v
	}
	return o
}

// delivery is a push to repository, in the format; "" is none.
func delivery(t *testing.T, o fields, id, repository, format string) plugin.Delivery {
	t.Helper()
	e := event.Sample(event.ArtifactPushed)
	if repository == "" {
		e.Repository = nil
	} else {
		e.Repository.FullName = repository
	}
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	d := bindingtest.As(t, cmp.Or(format, binding.Format), string(options), e)
	if format == "" {
		d.Body, d.ContentType, d.Headers = nil, "", nil
	}
	d.ID = id
	return d
}

// push is a delivery as a target of no format of its own gets it.
func push(t *testing.T, o fields, id, repository string) plugin.Delivery {
	t.Helper()
	return delivery(t, o, id, repository, binding.Format)
}

// deliver sends d, which the target is to take.
func deliver(t *testing.T, s *sender, d plugin.Delivery) plugin.Receipt {
	t.Helper()
	receipt, err := s.Send(within(t, 20*time.Second), d)
	if err != nil {
		t.Fatalf("send %s: %v", d.ID, err)
	}
	return receipt
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// read reads so many records of the topic, in the order of their partitions.
func read(t *testing.T, c *kfake.Cluster, n int) (all []*kgo.Record) {
	t.Helper()
	k, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.MetadataMinAge(10*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	ctx := within(t, 20*time.Second)
	for len(all) < n {
		fetches := k.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%d records of %d: %v", len(all), n, err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

// ids are the deliveries that records are of.
func ids(records []*kgo.Record) (all []string) {
	for _, r := range records {
		all = append(all, said(r)[deliveryID])
	}
	return all
}

// said are a record's headers.
func said(r *kgo.Record) map[string]string {
	all := map[string]string{}
	for _, h := range r.Headers {
		all[h.Key] = string(h.Value)
	}
	return all
}

// is reports whether an attempt ended as outcome and scope, for a reason that says words.
func is(t *testing.T, what string, receipt plugin.Receipt, err error, outcome plugin.Outcome, scope plugin.Scope, words string) {
	t.Helper()
	got := plugin.ReadVerdict(err).Outcome
	if got != outcome || receipt.Scope != scope {
		t.Errorf("%s: %s, scope %q; want %s, scope %q: %v", what, got, receipt.Scope, outcome, scope, err)
	}
	if err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v; it does not say %q", what, err, words)
	}
}
