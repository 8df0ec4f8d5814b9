package kafka

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
)

// client is a connection to one cluster.
type client struct {
	kafka *kgo.Client
	// gate lets records in together, and one that is to go alone by itself.
	gate *semaphore.Weighted
	// failed is why the last connection to a broker failed; nil where it did not.
	failed atomic.Pointer[error]
	// denied is closed when a broker does not let us in: to go on asking might lock us out.
	denied chan struct{}
	once   sync.Once
	denial error // why; set before denied is closed
	// spoilt: another client is to be made.
	spoilt atomic.Bool
}

func newClient() *client {
	return &client{gate: semaphore.NewWeighted(together), denied: make(chan struct{})}
}

func (c *client) lost() bool { return c.spoilt.Load() }

func (c *client) close() { c.kafka.Close() }

// together is the room in a client's gate.
const together = 1 << 30

// OnBrokerConnect is [kgo.HookBrokerConnect].
func (c *client) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	switch {
	case err == nil:
		c.failed.Store(nil)
	case !errors.Is(err, context.Canceled):
		c.failed.Store(&err)
		if ofUs(err) {
			c.once.Do(func() {
				c.spoilt.Store(true)
				c.denial = err
				close(c.denied)
			})
		}
	}
}

// trouble is why no broker can be talked to; nil where it is not known that none can.
func (c *client) trouble() error {
	if err := c.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// produce writes the record that makes, and returns it as it was written.
//
// What befalls a record befalls all that wait for the same partition. So one that was given
// up with another, whose time was over, is written again, some times at most; and a refusal
// that is about the record itself counts only if it went alone.
func (c *client) produce(ctx context.Context, makes func() *kgo.Record) (r *kgo.Record, err error) {
	room := int64(1)
	for again := 3; ; {
		r = makes()
		err = c.write(ctx, r, room)
		switch {
		case ofRecord(err) && room != together:
			room = together
		case late(err) && ctx.Err() == nil && again > 0:
			again--
		default:
			if spoiled(err) {
				c.spoilt.Store(true)
			}
			return r, err
		}
	}
}

// late reports whether err says that somebody's time was over.
func late(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// write returns when ctx ends, whatever becomes of the record then.
func (c *client) write(ctx context.Context, r *kgo.Record, room int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.gate.Acquire(ctx, room); err != nil {
		return err
	}
	done := make(chan error, 1)
	c.kafka.Produce(ctx, r, func(_ *kgo.Record, err error) {
		c.gate.Release(room)
		done <- err
	})
	select {
	case err := <-done:
		return err
	case <-c.denied:
		return c.denial
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	default:
		return ctx.Err()
	}
}
