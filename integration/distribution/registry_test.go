package distribution_test

import (
	"encoding/json"
	"io"
	"slices"
	"testing"

	"github.com/distribution/distribution/v3/notifications"

	"github.com/bellbuoy/bellbuoy/integration/distribution"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
)

// What the registry posts for each act of a client is what all other tests stand on.
func TestRegistryNotifies(t *testing.T) {
	rec, err := receiver.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Down()
	reg, err := distribution.Start(t.Context(), distribution.Config(rec.URL(), "secret"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()

	digest, err := reg.Push(t.Context(), "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := reg.Tag(t.Context(), "team/app", digest, "v2"); err != nil {
		t.Fatal(err)
	}
	if err := reg.Pull(t.Context(), "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	if err := reg.DeleteTag(t.Context(), "team/app", "v2"); err != nil {
		t.Fatal(err)
	}
	if err := reg.DeleteDigest(t.Context(), "team/app", digest); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"push v1 " + digest, "push v2 " + digest, "pull v1 " + digest,
		"delete v2 ", "delete  " + digest, "delete v1 ",
	}
	var seen []string
	err = rec.Wait(t.Context(), func(all []receiver.Arrival) bool {
		seen = nil
		for _, a := range all {
			e := read(t, a)
			if e.Target.MediaType != "application/octet-stream" {
				seen = append(seen, e.Action+" "+e.Target.Tag+" "+e.Target.Digest.String())
			}
		}
		return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(seen, w) })
	})
	if err != nil {
		t.Fatalf("%v; seen %q", err, seen)
	}
	first := rec.Arrivals()[0]
	if got := first.Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("the registry authorized itself with %q", got)
	}
	if e := read(t, first); e.Source.InstanceID == "" {
		t.Error("the event names no instance")
	}
}

func TestLargestManifest(t *testing.T) {
	rec, err := receiver.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Down()
	reg, err := distribution.Start(t.Context(), distribution.Config(rec.URL(), "secret"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	digest, err := reg.PushLarge(t.Context(), "team/app", "large")
	if err != nil {
		t.Fatal(err)
	}
	var large []byte
	err = rec.Wait(t.Context(), func(all []receiver.Arrival) bool {
		for _, a := range all {
			if read(t, a).Target.Digest.String() == digest {
				large = a.Body
			}
		}
		return large != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(large) < distribution.MaxManifest {
		t.Errorf("the notification has %d bytes, fewer than the manifest", len(large))
	}
}

func read(t *testing.T, a receiver.Arrival) notifications.Event {
	t.Helper()
	var envelope struct{ Events []notifications.Event }
	if err := json.Unmarshal(a.Body, &envelope); err != nil || len(envelope.Events) != 1 {
		t.Fatalf("read an envelope of one event: %v in %s", err, a.Body)
	}
	return envelope.Events[0]
}
