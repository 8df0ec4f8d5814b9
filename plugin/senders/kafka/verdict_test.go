package kafka

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

// What a broker answers to a record, and what becomes of the delivery. It is sent again
// after that, by the same sender, to a broker that takes it.
func TestAnswers(t *testing.T) {
	const config, message = plugin.ScopeMisconfigured, plugin.ScopeMessage
	for _, cell := range []struct {
		answer  *kerr.Error
		outcome plugin.Outcome
		scope   plugin.Scope
	}{
		{kerr.NotLeaderForPartition, plugin.Retry, ""},
		{kerr.LeaderNotAvailable, plugin.Retry, ""},
		{kerr.FencedLeaderEpoch, plugin.Retry, ""},
		{kerr.NotEnoughReplicas, plugin.Retry, ""},
		{kerr.NotEnoughReplicasAfterAppend, plugin.Retry, ""},
		{kerr.RequestTimedOut, plugin.Retry, ""},
		{kerr.KafkaStorageError, plugin.Retry, ""},
		{kerr.CorruptMessage, plugin.Retry, ""},
		{kerr.UnknownServerError, plugin.Retry, ""},
		{kerr.OutOfOrderSequenceNumber, plugin.Retry, ""},
		{kerr.InvalidProducerEpoch, plugin.Retry, ""},
		{kerr.MessageTooLarge, plugin.PermanentFail, message},
		{kerr.RecordListTooLarge, plugin.PermanentFail, message},
		{kerr.InvalidRecord, plugin.PermanentFail, message},
		{kerr.InvalidTimestamp, plugin.PermanentFail, message},
		{kerr.UnknownTopicOrPartition, plugin.PermanentFail, config},
		{kerr.InvalidTopicException, plugin.PermanentFail, config},
		{kerr.TopicAuthorizationFailed, plugin.PermanentFail, config},
		{kerr.ClusterAuthorizationFailed, plugin.PermanentFail, config},
		{kerr.PolicyViolation, plugin.PermanentFail, config},
		{kerr.UnsupportedCompressionType, plugin.PermanentFail, config},
		{kerr.UnsupportedForMessageFormat, plugin.PermanentFail, config},
	} {
		t.Run(cell.answer.Message, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			s := making(t)
			fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: cell.answer, Count: -1})
			d := push(t, at(c, nil), "d1", "prod/api")
			receipt, err := s.Send(within(t, 5*time.Second), d)
			is(t, "while it lasts", receipt, err, cell.outcome, cell.scope, "")
			fault.Remove()
			deliver(t, s, d)
		})
	}
}

// What one broker answers once, the client deals with.
func TestPassingAnswers(t *testing.T) {
	t.Parallel()
	c := start(t, kfake.NumBrokers(3))
	s := making(t)
	deliver(t, s, push(t, at(c, nil), "d0", "prod/api"))
	for i, answer := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut} {
		c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: answer})
		deliver(t, s, push(t, at(c, nil), "d"+string(rune('1'+i)), "prod/api"))
	}
	c.ShufflePartitionLeaders()
	deliver(t, s, push(t, at(c, nil), "d4", "prod/api"))
	if got := ids(read(t, c, 5)); len(got) != 5 {
		t.Errorf("the topic has %q: what the client repeats is to be there once", got)
	}
}

// What a cluster answers before anything is written.
func TestAnswersBefore(t *testing.T) {
	for _, cell := range []struct {
		what    string
		key     kmsg.Key
		answer  *kerr.Error
		outcome plugin.Outcome
		scope   plugin.Scope
	}{
		{"no such topic", kmsg.Metadata, kerr.UnknownTopicOrPartition, plugin.PermanentFail, plugin.ScopeMisconfigured},
		{"not ours to see", kmsg.Metadata, kerr.TopicAuthorizationFailed, plugin.PermanentFail, plugin.ScopeMisconfigured},
		{"no leader yet", kmsg.Metadata, kerr.LeaderNotAvailable, plugin.Retry, ""},
		{"not ours to write", kmsg.InitProducerID, kerr.ClusterAuthorizationFailed, plugin.PermanentFail, plugin.ScopeMisconfigured},
		{"no coordinator yet", kmsg.InitProducerID, kerr.CoordinatorLoadInProgress, plugin.Retry, ""},
	} {
		t.Run(cell.what, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			s := making(t)
			fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{cell.key}, Err: cell.answer, Count: -1, TopLevel: cell.key == kmsg.InitProducerID})
			d := push(t, at(c, nil), "d1", "prod/api")
			receipt, err := s.Send(within(t, 5*time.Second), d)
			is(t, "while it lasts", receipt, err, cell.outcome, cell.scope, "")
			fault.Remove()
			deliver(t, s, d)
		})
	}
}

// A topic that there is not is none that nobody may make meanwhile.
func TestUnknownTopic(t *testing.T) {
	t.Parallel()
	c := start(t)
	s := making(t)
	d := push(t, at(c, fields{"topic": "other"}), "d1", "prod/api")
	receipt, err := s.Send(within(t, 20*time.Second), d)
	is(t, "no such topic", receipt, err, plugin.PermanentFail, plugin.ScopeMisconfigured, "UNKNOWN_TOPIC_OR_PARTITION")
	if err := c.CreateTopic("other", 1, nil); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, d)
}

func TestLogin(t *testing.T) {
	t.Parallel()
	const password = "a-s3cret-pass"
	c := start(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "p", password), kfake.Superuser("SCRAM-SHA-256", "s2", password), kfake.Superuser("SCRAM-SHA-512", "s5", password))
	s := making(t)
	login := func(mechanism, user, password string) fields {
		return at(c, fields{"sasl": fields{"mechanism": mechanism, "username": user, "password": password}})
	}
	for mechanism, user := range map[string]string{plainMechanism: "p", scram256: "s2", scram512: "s5"} {
		d := push(t, login(mechanism, user, password), mechanism, "prod/api")
		deliver(t, s, d)
		if faults, err := s.Check(t.Context(), plugin.Check{Options: d.Options}); err != nil || plugin.Failed(faults) || len(faults) > 0 != (mechanism == plainMechanism) {
			t.Errorf("%s: faults %v, %v: the password in clear without TLS is to be warned of", mechanism, faults, err)
		}
	}
	// A broker that is older, or no Kafka, ends the connection.
	d := push(t, login(scram512, "s5", "a-wrong-pass"), "d1", "prod/api")
	receipt, err := s.Send(within(t, 20*time.Second), d)
	is(t, "ended", receipt, err, plugin.Retry, "", "perhaps for a wrong user or password")
	receipt, err = s.Send(within(t, 20*time.Second), push(t, at(c, nil), "d1", "prod/api"))
	is(t, "no login", receipt, err, plugin.Retry, "", "SASL")
	// Others say so, and may repeat what they got.
	words := "no " + "a-wrong-pass"
	refuse := func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, &words
		return resp, nil, true
	}
	c.ControlKey(int16(kmsg.SASLAuthenticate), refuse)
	receipt, err = s.Send(within(t, 20*time.Second), d)
	is(t, "refused", receipt, err, plugin.PermanentFail, plugin.ScopeMisconfigured, "no ***")
	receipt, err = s.Send(within(t, 20*time.Second), push(t, login(plainMechanism, "p", "a-wrong-pass"), "d1", "prod/api"))
	is(t, "refused", receipt, err, plugin.PermanentFail, plugin.ScopeMisconfigured, "no ***")
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	a, other := certtest.NewAuthority(t), certtest.NewAuthority(t)
	ours, theirs := a.Issue(t, "bellbuoy", time.Hour), other.Issue(t, "bellbuoy", time.Hour)
	c := start(t, kfake.TLS(guarded(t, a)))
	named := start(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{a.Issue(t, "kafka.example.com", time.Hour).TLS(t)}}))
	open := start(t)
	s := making(t)
	for _, cell := range []struct {
		what    string
		on      *kfake.Cluster
		tls     fields
		outcome plugin.Outcome
		scope   plugin.Scope
		words   string
	}{
		{"both know each other", c, fields{"ca": a.PEM, "cert": ours.Cert, "key": ours.Key}, plugin.Delivered, "", ""},
		{"known by another name", named, fields{"ca": a.PEM, "server_name": "kafka.example.com"}, plugin.Delivered, "", ""},
		{"unknown to us", c, fields{"enabled": true}, plugin.Retry, plugin.ScopeMisconfigured, "its certificate is not accepted"},
		{"of another authority", c, fields{"ca": other.PEM}, plugin.Retry, plugin.ScopeMisconfigured, "its certificate is not accepted"},
		{"of another name", named, fields{"ca": a.PEM}, plugin.Retry, plugin.ScopeMisconfigured, "its certificate is not accepted"},
		{"unknown to it", c, fields{"ca": a.PEM}, plugin.Retry, plugin.ScopeMisconfigured, "client certificate"},
		{"of ours another authority", c, fields{"ca": a.PEM, "cert": theirs.Cert, "key": theirs.Key}, plugin.Retry, plugin.ScopeMisconfigured, "client certificate"},
		{"it speaks none", open, fields{"enabled": true}, plugin.Retry, "", "no answer in time"},
		{"only it speaks any", c, nil, plugin.Retry, "", "TLS"},
	} {
		t.Run(cell.what, func(t *testing.T) {
			t.Parallel()
			more := fields{}
			if cell.tls != nil {
				more["tls"] = cell.tls
			}
			patience := 5 * time.Second
			if cell.on == open { // it waits for more
				patience = 50 * time.Millisecond
			}
			receipt, err := s.Send(within(t, patience), push(t, at(cell.on, more), "d1", "prod/api"))
			is(t, cell.what, receipt, err, cell.outcome, cell.scope, cell.words)
		})
	}
}

func TestNoBroker(t *testing.T) {
	t.Parallel()
	c := start(t)
	s := making(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for _, cell := range []struct {
		what, broker string
		scope        plugin.Scope
		words        string
	}{
		{"nobody listens", nobody.Addr().String(), "", "refused"},
		{"no such host", "no..such..host:9092", plugin.ScopeMisconfigured, "there is no such host"},
	} {
		receipt, err := s.Send(within(t, 5*time.Second), push(t, fields{"brokers": []string{cell.broker}, "topic": topic}, "d1", "prod/api"))
		is(t, cell.what, receipt, err, plugin.Retry, cell.scope, cell.words)
	}
	// One that is there is enough.
	deliver(t, s, push(t, fields{"brokers": append([]string{nobody.Addr().String()}, c.ListenAddrs()...), "topic": topic}, "d2", "prod/api"))
}

// The address is refused wherever it comes from.
func TestEgress(t *testing.T) {
	t.Parallel()
	c := start(t)
	s := making(t)
	d := push(t, at(c, nil), "d1", "prod/api")
	d.Egress.Restricted = true
	receipt, err := s.Send(within(t, 5*time.Second), d)
	is(t, "loopback", receipt, err, plugin.Retry, plugin.ScopeMisconfigured, "not public")
	o := at(c, nil)
	_, port, _ := net.SplitHostPort(c.ListenAddrs()[0])
	o["brokers"] = []string{"localhost:" + port}
	d = push(t, o, "d1", "prod/api")
	d.Egress.Restricted = true
	receipt, err = s.Send(within(t, 5*time.Second), d)
	is(t, "loopback by name", receipt, err, plugin.Retry, plugin.ScopeMisconfigured, "egress denied")

	c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		resp.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 7, Host: "169.254.169.254", Port: 80}}
		name := topic
		resp.ControllerID = 7
		resp.Topics = []kmsg.MetadataResponseTopic{{Topic: &name, TopicID: [16]byte{1}, Partitions: []kmsg.MetadataResponseTopicPartition{{Leader: 7, Replicas: []int32{7}, ISR: []int32{7}}}}}
		return resp, nil, true
	})
	receipt, err = s.Send(within(t, 5*time.Second), push(t, at(c, nil), "d2", "prod/api"))
	is(t, "a broker that another named", receipt, err, plugin.Retry, plugin.ScopeMisconfigured, "link-local")
}
