package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// maxBatch is how much of a partition's records goes into one request, in bytes before
// compression. There is room for the largest delivery, so that it is the broker that says
// what is too large for it.
const maxBatch = plugin.MaxDelivery + 1<<20

// retries is how often a client tries again within a Send: for some seconds, in which a
// broker is started anew or hands a partition over. What takes longer is for the delivery's
// own schedule.
const retries = 8

// key is the same for targets that share a client. Files of certificates may change, and it
// with them.
func (t *target) key(e plugin.Egress) string {
	return fmt.Sprintf("%q %t %x %v %q", []string{t.mechanism, t.username, t.password, t.compression}, t.overTLS, t.route.Way().Key(), e, t.brokers)
}

// connect makes a client; connections are made when there is something to write.
func (t *target) connect(e plugin.Egress, retries int) (*client, error) {
	c := newClient()
	opts := []kgo.Opt{
		kgo.SeedBrokers(t.brokers...),
		kgo.ClientID("bellbuoy"),
		kgo.WithHooks(c),
		kgo.Dialer(t.dialer(e)), // of every broker, those that metadata names too
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// What is given up may be in flight. It is sent again as another record, and may be
		// there twice, which its readers can tell; without this it would be in the way of its
		// partition until a broker answers.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.AllowAutoTopicCreation(), // where the broker does so for anyone
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(maxBatch),
		kgo.ProducerBatchCompression(codec(t.compression)),
		kgo.RecordRetries(retries),
		kgo.RequestRetries(2),
		kgo.UnknownTopicRetries(2),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.DisableClientMetrics(),
	}
	user, password := t.username, t.password
	var m sasl.Mechanism
	switch t.mechanism {
	case plainMechanism:
		m = plain.Auth{User: user, Pass: password}.AsMechanism()
	case scram256:
		m = scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	case scram512:
		m = scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
	}
	if m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	var err error
	c.kafka, err = kgo.NewClient(opts...)
	return c, err
}

// dialer connects wherever e lets the target be.
func (t *target) dialer(e plugin.Egress) func(context.Context, string, string) (net.Conn, error) {
	guard := egress.Guard{Egress: e}
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: guard.Control}
	if !t.overTLS {
		return d.DialContext
	}
	return (&tls.Dialer{NetDialer: d, Config: t.route.Way().TLS()}).DialContext
}

// backoff is how long the client waits before it tries for the nth time.
func backoff(n int) time.Duration {
	const least, most = 50 * time.Millisecond, 500 * time.Millisecond
	d := min(least<<max(min(n-1, 10), 0), most)
	return d - rand.N(d/4)
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}
