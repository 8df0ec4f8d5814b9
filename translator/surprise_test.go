package translator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/notifications"
	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// The tests below are named for what surprises in a registry's notifications.

// captures translates what a registry posted while a client did what name says.
func captures(t *testing.T, name string) []event.Event {
	t.Helper()
	var events []event.Event
	for line := range strings.Lines(read(t, "testdata/distribution/"+name+".jsonl")) {
		events = append(events, translate(t, hub, line)...)
	}
	return events
}

func types(events []event.Event) []event.Type {
	var list []event.Type
	for _, e := range events {
		list = append(list, e.Type)
	}
	return list
}

func TestRegistrysOwnEnvelopeDoesNotDecodeItsEvents(t *testing.T) {
	body := read(t, "testdata/distribution/crane-delete-tag.jsonl")
	var e notifications.Envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.Events[0].(notifications.Event); ok {
		t.Fatal("it does now: the adapter could be simpler")
	}
	if got := one(t, body); got.Type != event.TagDeleted || got.Native.ID == "" {
		t.Errorf("event = %+v, want a tag deleted, with its native id", got)
	}
}

func TestInspectionsAndFailedPullsArePulls(t *testing.T) {
	if got := captures(t, "curl-manifest-get-bad-accept"); got[0].Type != event.ArtifactPulled {
		t.Errorf("a pull answered 404 is %s, want what the registry says: %s", got[0].Type, event.ArtifactPulled)
	}
	if got := captures(t, "crane-digest-head"); got[0].Type != event.ArtifactInspected {
		t.Errorf("a HEAD is %s, want %s", got[0].Type, event.ArtifactInspected)
	}
	for _, e := range append(captures(t, "curl-blob-head"), captures(t, "curl-blob-range")...) {
		if e.Type != event.BlobPulled && e.Type != event.BlobPushed {
			t.Errorf("a blob's HEAD or Range is %s, want %s", e.Type, event.BlobPulled)
		}
		if !e.Type.OnRequest() {
			t.Errorf("%s would be stored unasked", e.Type)
		}
	}
}

func TestDeleteByDigestIsFollowedByTagDeletes(t *testing.T) {
	got := captures(t, "crane-delete-digest-with-3-tags")
	var artifacts, tags int
	for _, e := range got {
		switch e.Type {
		case event.ArtifactDeleted:
			artifacts++
			if e.Artifact.Digest == "" || len(e.Artifact.Tags) != 0 {
				t.Errorf("delete by digest: artifact = %+v, want a digest and no tag", e.Artifact)
			}
		case event.TagDeleted:
			tags++
			if e.Artifact.Digest != "" || len(e.Artifact.Tags) != 1 {
				t.Errorf("tag delete: artifact = %+v, want a tag and no digest", e.Artifact)
			}
		}
		if e.Type != event.ArtifactInspected && (e.Artifact.MediaType != "" || e.Artifact.URL != "" || e.Artifact.Kind != "") {
			t.Errorf("%s: artifact = %+v, has what the registry does not say", e.Type, e.Artifact)
		}
	}
	if artifacts != 1 || tags != 3 {
		t.Errorf("%v, want 1 artifact and 3 tags deleted", types(got))
	}
}

func TestDeleteOfBlobLooksLikeDeleteOfManifest(t *testing.T) {
	for _, name := range []string{"curl-blob-delete", "oras-blob-delete"} {
		got := captures(t, name)
		if last := got[len(got)-1]; last.Type != event.ArtifactDeleted || last.Artifact.Kind != "" {
			t.Errorf("%s: %s of kind %q, want %s without a kind", name, last.Type, last.Artifact.Kind, event.ArtifactDeleted)
		}
	}
}

func TestHelmPushesTwice(t *testing.T) {
	var tags [][]string
	for _, e := range captures(t, "helm-push-chart") {
		if e.Type == event.ChartPushed {
			tags = append(tags, e.Artifact.Tags)
		}
	}
	if len(tags) != 2 || len(tags[0]) != 0 || !slices.Equal(tags[1], []string{"0.1.0_build.5"}) {
		t.Errorf("charts pushed with tags %q, want none and then 0.1.0_build.5", tags)
	}
}

func TestSigningIsSeveralPushes(t *testing.T) {
	for name, want := range map[string][]event.Type{
		"cosign-tag-sig":    {event.ArtifactSigned},
		"cosign-attest-tag": {event.ArtifactAttached, event.ArtifactAttached}, // without and with references
		"cosign-tag-sbom":   {event.ArtifactAttached},
		// The bundle, which cannot be told without references, and the index of referrers.
		"cosign-bundle-sign":          {event.ArtifactPushed, event.ArtifactAttached, event.ArtifactAttached, event.ArtifactAttached},
		"cosign-ref-sig-experimental": {event.ArtifactSigned, event.ArtifactAttached},
	} {
		got := slices.DeleteFunc(types(captures(t, name)), func(typ event.Type) bool {
			return typ.OnRequest()
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestUntaggedPushIsNotAlwaysAChild(t *testing.T) {
	kinds := map[event.Kind]bool{}
	for _, name := range []string{"buildx-style-attestation-index", "oras-attach-sbom-spdx", "helm-push-chart", "cosign-ref-sig-experimental"} {
		for _, e := range captures(t, name) {
			if e.Artifact != nil && len(e.Artifact.Tags) == 0 && e.Artifact.Kind != "" {
				kinds[e.Artifact.Kind] = true
			}
		}
	}
	for _, k := range []event.Kind{event.KindImage, event.KindAttestation, event.KindSBOM, event.KindChart, event.KindSignature} {
		if !kinds[k] {
			t.Errorf("no untagged push of kind %s among %v", k, kinds)
		}
	}
}

func TestSubjectIsNotInTheEvent(t *testing.T) {
	for _, e := range captures(t, "oras-attach-sbom-spdx") {
		if e.Artifact.Kind == event.KindSBOM && (e.Artifact.Subject != "" || e.Artifact.ArtifactType != "") {
			t.Errorf("subject %q and artifact type %q of an SBOM, want neither", e.Artifact.Subject, e.Artifact.ArtifactType)
		}
		if e.Artifact.Kind == event.KindIndex && e.Type == event.ArtifactAttached && e.Artifact.Subject == "" {
			t.Error("the index of referrers has no subject, want the digest in its tag")
		}
	}
}

// Actor, address and user agent are as the client claimed: told, neither trusted nor
// made harmless, which is the business of whoever shows them.
func TestActorIsAsClaimed(t *testing.T) {
	e := captures(t, "curl-unauth-basic-actor")[0]
	if e.Actor == nil || e.Actor.Name != "mallory" || !strings.HasPrefix(e.Actor.UserAgent, "curl/") {
		t.Errorf("actor = %+v, want mallory with curl", e.Actor)
	}
	e = one(t, `{"events":[{"id":"1","action":"push","actor":{},"request":{"addr":"<script>","useragent":"<!channel>\u202e"}}]}`)
	if want := (event.Actor{Address: "<script>", UserAgent: "<!channel>\u202e"}); *e.Actor != want {
		t.Errorf("actor = %+v, want %+v", *e.Actor, want)
	}
}

func TestIDIsThatOfTheNotification(t *testing.T) {
	body := `{"events":[{"id":"a","action":"push"},{"id":"b","action":"push"},{"action":"push"}]}`
	got := translate(t, hub, body)
	for i := range 2 {
		if id, err := uuid.Parse(got[i].ID); err != nil || id.Version() != 5 {
			t.Errorf("id = %q, want a UUID of version 5", got[i].ID)
		}
	}
	if got[0].ID == got[1].ID {
		t.Error("two notifications have the same id")
	}
	if got[2].ID != "" {
		t.Errorf("id = %q without a native one, want none", got[2].ID)
	}
	later := hub
	later.Received = later.Received.Add(time.Hour)
	if again := translate(t, later, body); again[0].ID != got[0].ID {
		t.Errorf("id of a repeat = %s, want %s", again[0].ID, got[0].ID)
	}
	other := hub
	other.Registry.Name = "hub2"
	if again := translate(t, other, body); again[0].ID == got[0].ID {
		t.Error("two registries share an id")
	}
	// Ids of events stored by earlier versions: they must never change.
	if want := "0f9703d0-26a8-5bbe-b04d-d7cf6ff87c4d"; got[0].ID != want {
		t.Errorf("id = %s, want %s", got[0].ID, want)
	}
}

func TestTime(t *testing.T) {
	tests := []struct {
		name, timestamp, want string
		source                event.TimeSource
	}{
		{"native, in UTC", `"timestamp":"2026-11-21T01:40:41.550041997+02:00",`, "2026-11-20T23:40:41.550041997Z", event.TimeNative},
		{"none", ``, "2026-11-21T01:30:00Z", event.TimeReceived},
		{"the zero time", `"timestamp":"0001-01-01T00:00:00Z",`, "2026-11-21T01:30:00Z", event.TimeReceived},
		{"before the year 1 in UTC", `"timestamp":"0000-01-01T00:00:00+23:59",`, "2026-11-21T01:30:00Z", event.TimeReceived},
		{"after the year 9999 in UTC", `"timestamp":"9999-12-31T23:59:59-23:59",`, "2026-11-21T01:30:00Z", event.TimeReceived},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := one(t, `{"events":[{`+tt.timestamp+`"id":"1"}]}`)
			if got := e.Time.Format(time.RFC3339Nano); got != tt.want || e.TimeSource != tt.source {
				t.Errorf("time = %s (%s), want %s (%s)", got, e.TimeSource, tt.want, tt.source)
			}
			if got := e.Received.Format(time.RFC3339Nano); got != "2026-11-21T01:30:00Z" {
				t.Errorf("received = %s, want it in UTC", got)
			}
		})
	}
}

func TestForeignNativeIsUnknown(t *testing.T) {
	got := translator.Distribution(hub, adapters.Notification{Native: 7, ID: "x"})
	if len(got) != 1 || got[0].Type != event.Unknown || got[0].Reason != "the adapter read a int, which is no event of Distribution" {
		t.Errorf("events = %+v, want one that says what it was given", got)
	}
}
