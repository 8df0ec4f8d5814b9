package kafka

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// A broker that ends and comes back is found again.
func TestBrokerRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, kfake.DataDir(dir))
	s := making(t)
	o := at(c, nil)
	deliver(t, s, push(t, o, "d1", "prod/api"))
	_, port, _ := net.SplitHostPort(c.ListenAddrs()[0])
	c.Close()
	receipt, err := s.Send(within(t, 2*time.Second), push(t, o, "d2", "prod/api"))
	is(t, "while it is gone", receipt, err, plugin.Retry, "", "connection refused")

	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	c = start(t, kfake.DataDir(dir), kfake.Ports(n))
	deliver(t, s, push(t, o, "d2", "prod/api"))
	deliver(t, s, push(t, o, "d3", "prod/api"))
	if got := ids(read(t, c, 3)); !slices.Equal(got, []string{"d1", "d2", "d3"}) {
		t.Errorf("the topic has %q", got)
	}
}

// A Send ends in time whatever the brokers do, and holds up none that comes after it.
func TestDeadline(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := making(t)
	receipt, err := s.Send(within(t, 50*time.Millisecond), push(t, fields{"brokers": []string{silent.Addr().String()}, "topic": topic}, "d1", "prod/api"))
	is(t, "no answer at all", receipt, err, plugin.Retry, "", "no answer in time")

	c := start(t)
	o := at(c, nil)
	deliver(t, s, push(t, o, "d0", "prod/api"))
	for i := range 3 { // the records are in flight when their time is over
		c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) { return nil, nil, true })
		id := fmt.Sprintf("d%d", i+1)
		receipt, err = s.Send(within(t, 50*time.Millisecond), push(t, o, id, "prod/api"))
		is(t, "no confirmation", receipt, err, plugin.Retry, "", "no answer in time")
		deliver(t, s, push(t, o, id, "prod/api"))
	}
	// One that was written, though nobody heard of it, is written again under the same id.
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.DropControl()
		c.SleepControl(func() { time.Sleep(100 * time.Millisecond) })
		return nil, nil, false
	})
	receipt, err = s.Send(within(t, 50*time.Millisecond), push(t, o, "d4", "prod/api"))
	is(t, "a late confirmation", receipt, err, plugin.Retry, "", "no answer in time")
	deliver(t, s, push(t, o, "d4", "prod/api"))
	deliver(t, s, push(t, o, "d5", "prod/api"))
	got := ids(read(t, c, 7))
	if want := []string{"d0", "d1", "d2", "d3", "d4", "d5"}; !slices.Equal(slices.Compact(got), want) {
		t.Errorf("the topic has %q, want %q", got, want)
	}
}

// What is cancelled before is not written; what is cancelled meanwhile is tried again.
func TestCancelled(t *testing.T) {
	t.Parallel()
	c := start(t)
	s := making(t)
	ctx, cancel := context.WithCancel(t.Context())
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cancel()
		return nil, nil, true
	})
	d := push(t, at(c, nil), "d1", "prod/api")
	receipt, err := s.Send(ctx, d)
	is(t, "cancelled", receipt, err, plugin.Retry, "", "")
	if _, err := s.Send(ctx, d); err == nil {
		t.Error("what was cancelled before is delivered")
	}
	deliver(t, s, d)
	if got := ids(read(t, c, 1)); !slices.Equal(got, []string{"d1"}) {
		t.Errorf("the topic has %q", got)
	}
}

// A record that a broker refuses takes those down that went with it. They are not to blame.
func TestRefusedWithOthers(t *testing.T) {
	t.Parallel()
	c := start(t)
	if err := c.CreateTopic("small", 1, map[string]string{"max.message.bytes": "20000"}); err != nil {
		t.Fatal(err)
	}
	s := making(t)
	o := at(c, fields{"topic": "small"})
	deliver(t, s, push(t, o, "d0", "prod/api"))
	const others = 8
	var first, batched sync.WaitGroup
	first.Add(1)
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.DropControl()
		c.SleepControl(func() { // the first is in flight while the rest gather behind it
			first.Done()
			time.Sleep(30 * time.Millisecond)
		})
		return nil, nil, false
	})
	send := func(d plugin.Delivery) error {
		_, err := s.Send(within(t, 5*time.Second), d)
		return err
	}
	batched.Go(func() {
		if err := send(push(t, o, "first", "prod/api")); err != nil {
			t.Errorf("the first: %v", err)
		}
	})
	first.Wait()
	for i := range others {
		d := push(t, o, fmt.Sprintf("d%d", i+1), "prod/api")
		if i == 3 {
			d.ID, d.Body = "large", []byte(`"`+strings.Repeat("x", 30000)+`"`)
		}
		batched.Go(func() {
			err := send(d)
			if outcome := plugin.ReadVerdict(err).Outcome; (d.ID == "large") != (outcome == plugin.PermanentFail) || d.ID != "large" && err != nil {
				t.Errorf("%s: %v", d.ID, err)
			}
		})
	}
	batched.Wait()
	if got := c.PartitionInfo("small", 0).HighWatermark; got != others+1 {
		t.Errorf("%d records are written, want %d", got, others+1)
	}
}

// Targets that differ in the topic alone share a client.
func TestOneClientForAll(t *testing.T) {
	t.Parallel()
	c := start(t, kfake.SeedTopics(1, "other"))
	clients := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Observe: true, TopLevel: true, Count: -1})
	s := making(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			o := at(c, nil)
			if i%2 == 0 {
				o["topic"] = "other"
			}
			if _, err := s.Send(t.Context(), push(t, o, fmt.Sprintf("d%d", i), "prod/api")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := clients.Hits(); n != 1 {
		t.Errorf("%d clients", n)
	}
	deliver(t, s, push(t, at(c, fields{"compression": "gzip"}), "d8", "prod/api"))
	d := push(t, at(c, nil), "d9", "prod/api")
	d.Egress.Restricted = true
	d.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	deliver(t, s, d)
	if n := clients.Hits(); n != 3 {
		t.Errorf("%d clients of three sets of options", n)
	}
}
