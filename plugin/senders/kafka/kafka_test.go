package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// What a record looks like in each form, and that Render shows the same.
func TestRecord(t *testing.T) {
	c := start(t, kfake.SeedTopics(1, topic))
	s := making(t)
	id := event.Sample(event.ArtifactPushed).ID
	forms := []struct {
		format string
		want   []string // headers
	}{
		{"cloudevents-binary", []string{
			"bellbuoy-delivery-id: d0", "content-type: application/json",
			"ce_id: " + id, "ce_source: ", "ce_specversion: 1.0", "ce_subject: prod/äpi 100%", "ce_time: ", "ce_type: bellbuoy.artifact.pushed",
		}},
		{"cloudevents", []string{"bellbuoy-delivery-id: d1", "content-type: application/cloudevents+json"}},
		{"harbor", []string{"bellbuoy-delivery-id: d2", "content-type: application/json"}},
		{"", []string{"bellbuoy-delivery-id: d3", "content-type: application/json"}},
	}
	for i, f := range forms {
		d := delivery(t, at(c, nil), fmt.Sprintf("d%d", i), "prod/äpi 100%", f.format)
		shown, err := s.Render(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		receipt := deliver(t, s, d)
		if want := fmt.Sprintf("partition 0, offset %d", i); receipt.Reply != want {
			t.Errorf("%s: the reply is %q, want %q", f.format, receipt.Reply, want)
		}
		if want := "kafka://" + c.ListenAddrs()[0] + "/" + topic; shown.URL != want || shown.Method != "PRODUCE" {
			t.Errorf("%s %s, want PRODUCE %s", shown.Method, shown.URL, want)
		}
		r := read(t, c, i+1)[i]
		if string(r.Key) != "prod/äpi 100%" || shown.Headers["key"] != string(r.Key) {
			t.Errorf("%s: the key is %q, shown as %q", f.format, r.Key, shown.Headers["key"])
		}
		if body, _ := d.Message(); string(r.Value) != string(body) || shown.Body != string(body) || receipt.Request.Body != "" {
			t.Errorf("%s: the record is %s, shown as %s", f.format, r.Value, shown.Body)
		}
		delete(shown.Headers, "key")
		if diff := cmp.Diff(shown.Headers, said(r)); diff != "" {
			t.Errorf("%s: what is shown is not what is sent: %s", f.format, diff)
		}
		var got []string
		for _, h := range r.Headers {
			got = append(got, h.Key+": "+string(h.Value))
		}
		if len(got) != len(f.want) {
			t.Errorf("%s: the headers are %q", f.format, got)
			continue
		}
		for i, want := range f.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: header %q, want %q", f.format, got[i], want)
			}
		}
	}
}

// Each repository has a partition, in which its records are in the order in which they were
// sent. What belongs to none has no key.
func TestOrder(t *testing.T) {
	const repositories, each = 12, 20
	c := start(t, kfake.NumBrokers(3))
	s := making(t)
	var wg sync.WaitGroup
	for r := range repositories {
		wg.Go(func() {
			name := fmt.Sprintf("prod/app-%d", r)
			for n := range each {
				d := push(t, at(c, nil), fmt.Sprintf("%s/%03d", name, n), name)
				if _, err := s.Send(t.Context(), d); err != nil {
					t.Errorf("send %s: %v", d.ID, err)
				}
			}
		})
	}
	wg.Wait()
	deliver(t, s, push(t, at(c, nil), "none", ""))

	sequences := map[string][]string{}
	partitions := map[string]map[int32]bool{}
	all := map[int32]bool{}
	for _, r := range read(t, c, repositories*each+1) {
		key := string(r.Key)
		sequences[key] = append(sequences[key], said(r)[deliveryID])
		if partitions[key] == nil {
			partitions[key] = map[int32]bool{}
		}
		partitions[key][r.Partition] = true
		all[r.Partition] = true
	}
	if got := sequences[""]; !slices.Equal(got, []string{"none"}) {
		t.Errorf("without a key: %q", got)
	}
	delete(sequences, "")
	if len(sequences) != repositories || len(all) < 2 {
		t.Errorf("%d keys on %d partitions", len(sequences), len(all))
	}
	for key, got := range sequences {
		if len(got) != each || !slices.IsSorted(got) || len(partitions[key]) != 1 {
			t.Errorf("%s on partitions %v: %q", key, slices.Collect(maps.Keys(partitions[key])), got)
		}
	}
}

// What is written is confirmed by all replicas, by a producer that has an id.
func TestConfirmedByAll(t *testing.T) {
	c := start(t)
	s := making(t)
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		deliver(t, s, push(t, at(c, fields{"compression": compression}), compression, "prod/api"))
	}
	for _, r := range read(t, c, 5) {
		if r.ProducerID < 0 {
			t.Errorf("%s is written by no idempotent producer", said(r)[deliveryID])
		}
		want := map[string]uint8{"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[said(r)[deliveryID]]
		if got := r.Attrs.CompressionType(); got != want {
			t.Errorf("%s: compression %d, want %d", said(r)[deliveryID], got, want)
		}
	}
	k, err := (&target{brokers: c.ListenAddrs()}).connect(plugin.Egress{}, retries)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	if acks := k.kafka.OptValue(kgo.RequiredAcks); acks != kgo.AllISRAcks() {
		t.Errorf("acks are %v", acks)
	}
	if k.kafka.OptValue(kgo.DisableIdempotentWrite) != false {
		t.Error("the producer is not idempotent")
	}
}

// A cluster that makes topics for who writes to them makes them.
func TestTopicIsMadeByTheBroker(t *testing.T) {
	c := start(t, kfake.AllowAutoTopicCreation())
	deliver(t, making(t), push(t, at(c, fields{"topic": "new"}), "d1", "prod/api"))
	if c.TopicInfo("new") == nil {
		t.Error("there is no such topic")
	}
}
