//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// A push in a real registry reaches a topic of Kafka, through the sender for brokers as it
// comes beside bellbuoy, pinned as an operator would.
func TestPushReachesKafka(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(4, "pushes"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	plugins, dir := t.TempDir(), t.TempDir()
	brokers, err := sidecar.BuildBrokers(t.Context(), "..", plugins, raced)
	if err != nil {
		t.Fatal(err)
	}
	s := newStageWith(t, func(string) (sidecar.Config, error) {
		c := sidecar.Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")}
		var err error
		if c.Listen, err = loopback.Address(); err != nil {
			return c, err
		}
		if c.Admin, err = loopback.Address(); err != nil {
			return c, err
		}
		pin, err := exec.CommandContext(t.Context(), program(t), "plugins", "hash", "--type", "kafka", brokers).Output()
		if err != nil {
			return c, fmt.Errorf("bellbuoy plugins hash: %w", err)
		}
		return c, os.WriteFile(c.Path, fmt.Appendf(nil, `
listen: %s
admin: {listen: %q}
store: %s
plugins:
  dir: %s
  pins:
    %s
registries: [{name: hub, type: distribution, auth: {bearer: %s}}]
targets: [{name: stream, type: kafka, options: {brokers: ["%s"], topic: pushes}}]
rules: [{name: pushes, events: [artifact.pushed], deliver: [stream]}]
`, c.Listen, c.Admin, c.Store, plugins, pin, sidecar.Bearer, strings.Join(cluster.ListenAddrs(), `", "`)), 0o600)
	})
	s.insist(s.poster(), "7f3c", "prod/api")
	s.until("it is on record", func() bool { return delivered(s) == 1 })

	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("pushes"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	fetches := reader.PollFetches(s.ctx)
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	records := fetches.Records()
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	list, err := s.sidecar.Events(s.ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, h := range records[0].Headers {
		said[h.Key] = string(h.Value)
	}
	if said["ce_id"] != list[0].ID || said["ce_type"] != "bellbuoy.artifact.pushed" || said["bellbuoy-delivery-id"] == "" || string(records[0].Key) != "prod/api" {
		t.Errorf("the record of %q is of another event than %s: %q", records[0].Key, list[0].ID, said)
	}
}
