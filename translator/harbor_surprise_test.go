package translator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// The tests below are named for what surprises in Harbor's notifications.

func TestHarborPutsTheDigestWhereTheTagBelongs(t *testing.T) {
	for _, resource := range []string{
		`"digest":"` + digestOf + `","tag":"` + digestOf + `"`,
		`"tag":"` + digestOf + `"`,
		`"digest":"` + digestOf + `"`, // a scan omits the tag
	} {
		a := oneOfHarbor(t, about("PUSH_ARTIFACT", resource)).Artifact
		if a.Digest != digestOf || a.Tags != nil {
			t.Errorf("%s: digest %q, tags %q, want a digest and no tag", resource, a.Digest, a.Tags)
		}
	}
}

func TestHarborDeleteNamesOneOfSeveralTags(t *testing.T) {
	a := oneOfHarbor(t, about("DELETE_ARTIFACT", `"digest":"`+digestOf+`","tag":"c"`)).Artifact
	if !slices.Equal(a.Tags, []string{"c"}) || a.TagsComplete == nil || *a.TagsComplete {
		t.Errorf("tags %q, complete %v, want one of several", a.Tags, a.TagsComplete)
	}
	a = oneOfHarbor(t, about("DELETE_ARTIFACT", `"digest":"`+digestOf+`","tag":"`+digestOf+`"`)).Artifact
	if a.TagsComplete != nil {
		t.Error("whether the tags of an untagged artifact are complete does not arise")
	}
	if a = oneOfHarbor(t, about("PUSH_ARTIFACT", `"digest":"`+digestOf+`","tag":"c"`)).Artifact; a.TagsComplete != nil {
		t.Error("whether the tags of a push are complete does not arise")
	}
}

// Harbor 1.x deletes tags, and names each; it leaves out what was pulled by its digest.
// A registry of type tcr has the same bodies told the same.
func TestHarbor1IsNotHarbor2(t *testing.T) {
	deleted := fromHarbor(t, about("deleteImage", `"digest":"`+digestOf+`","tag":"a"},{"digest":"`+digestOf+`","tag":"b"`))
	if len(deleted) != 2 || deleted[0].Artifact.TagsComplete != nil || deleted[1].Artifact.TagsComplete != nil {
		t.Errorf("deletes = %s, want two, of a tag each", dump(t, deleted))
	}
	pull := `{"type":"pullImage","occur_at":1,"event_data":{"resources":null,"repository":{"repo_full_name":"prod/app"}}}`
	if e := oneOfHarbor(t, pull); e.Type != event.ArtifactPulled || e.Artifact != nil {
		t.Errorf("pull by digest = %s, want a pull of what is not said", dump(t, e))
	}
	if e := oneOfHarbor(t, strings.Replace(pull, "pullImage", "PULL_ARTIFACT", 1)); e.Type != event.Unknown {
		t.Errorf("pull without resources = %s, want unknown: Harbor 2 always says what", dump(t, e))
	}
	for _, body := range []string{pull, about("deleteImage", `"digest":"`+digestOf+`","tag":"a"`)} {
		harbor, tcr := oneOfHarbor(t, body), bodies(t, "tcr", body)[0]
		if tcr.Registry = harbor.Registry; dump(t, harbor) != dump(t, tcr) {
			t.Errorf("type harbor tells\n%s\ntype tcr\n%s", dump(t, harbor), dump(t, tcr))
		}
	}
}

func TestHarborDeleteOfASubjectIsOneOfEachAccessory(t *testing.T) {
	got, _ := harborCaptures(t, "delete-signed")
	if len(got) != 5 || !slices.Equal(slices.Compact(types(got)), []event.Type{event.ArtifactDeleted}) {
		t.Errorf("%v, want 5 artifacts deleted", types(got))
	}
}

func TestHarborsRepositoryTypeIsVisibility(t *testing.T) {
	e := oneOfHarbor(t, about("PUSH_ARTIFACT", `"digest":"`+digestOf+`"`))
	if e.Repository.Visibility != "private" || e.Artifact.Kind != event.KindUnknown || e.Artifact.ArtifactType != "" {
		t.Errorf("visibility %q, kind %q", e.Repository.Visibility, e.Artifact.Kind)
	}
}

func TestHarborsNamespaceEndsAtTheFirstSlash(t *testing.T) {
	r := oneOfHarbor(t, about("PUSH_ARTIFACT", `"digest":"`+digestOf+`"`)).Repository
	if r.Namespace != "prod" || r.Name != "nested/app" || r.FullName != "prod/nested/app" {
		t.Errorf("repository = %+v", r)
	}
}

func TestHarborSaysNothingOfIndexesAndCharts(t *testing.T) {
	for _, name := range []string{"push-multi-arch", "push-helm-chart"} {
		got, _ := harborCaptures(t, name)
		if len(got) != 3 {
			t.Errorf("%s: %d events, want 3", name, len(got))
		}
		for _, e := range got {
			if e.Type != event.ArtifactPushed && e.Type != event.ArtifactPulled || e.Artifact.Kind != event.KindUnknown {
				t.Errorf("%s: %s of kind %s, which the payload does not tell", name, e.Type, e.Artifact.Kind)
			}
		}
	}
}

func TestHarborTagsOfCosignTellTheKind(t *testing.T) {
	tests := []struct {
		suffix string
		typ    event.Type
		kind   event.Kind
	}{
		{".sig", event.ArtifactSigned, event.KindSignature},
		{".att", event.ArtifactAttached, event.KindAttestation},
		{".sbom", event.ArtifactAttached, event.KindSBOM},
		{"", event.ArtifactAttached, event.KindIndex},
	}
	for _, tt := range tests {
		e := oneOfHarbor(t, about("PUSH_ARTIFACT", `"digest":"sha256:1","tag":"sha256-`+hexOf+tt.suffix+`"`))
		if e.Type != tt.typ || e.Artifact.Kind != tt.kind || e.Artifact.Subject != digestOf {
			t.Errorf("%q: %s of kind %s and subject %q", tt.suffix, e.Type, e.Artifact.Kind, e.Artifact.Subject)
		}
		if (e.Status == event.Succeeded) != (tt.typ == event.ArtifactSigned) {
			t.Errorf("%q: status %q", tt.suffix, e.Status)
		}
	}
}

func TestHarborAnonymousHasNoActor(t *testing.T) {
	body := about("PULL_ARTIFACT", `"digest":"`+digestOf+`"`)
	if e := oneOfHarbor(t, strings.Replace(body, `"operator":"admin"`, `"operator":""`, 1)); e.Actor != nil {
		t.Errorf("actor = %+v, want none", e.Actor)
	}
	e := oneOfHarbor(t, strings.Replace(body, `"admin"`, `"robot$prod+scan1234-fake-06a8"`, 1))
	if e.Actor == nil || *e.Actor != (event.Actor{Name: "robot$prod+scan1234-fake-06a8"}) {
		t.Errorf("actor = %+v, want the scanner's robot", e.Actor)
	}
}

// replication has the two ends by the name that they are known under, and status.
func replication(status, source, destination string) string {
	return fmt.Sprintf(`{"type":"REPLICATION","occur_at":1795218194,"event_data":{"replication":{"job_status":%q,"trigger_type":"EVENT",`+
		`"src_resource":{"registry_name":%q,"namespace":"one"},"dest_resource":{"registry_name":%q,"namespace":"other"}}}}`, status, source, destination)
}

func TestHarborSwapsNamespacesWhenItPushes(t *testing.T) {
	tests := []struct{ name, source, destination, from, to string }{
		{"push", "", "remote", "other", "one"},
		{"pull", "remote", "", "one", "other"},
		{"both have names", "a", "b", "", ""},
		{"none has a name", "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := oneOfHarbor(t, replication("Running", tt.source, tt.destination)).Replication
			var from, to event.ReplicationEnd
			if r.Source != nil {
				from = *r.Source
			}
			if r.Destination != nil {
				to = *r.Destination
			}
			want := [2]event.ReplicationEnd{{Registry: tt.source, Namespace: tt.from}, {Registry: tt.destination, Namespace: tt.to}}
			if got := [2]event.ReplicationEnd{from, to}; got != want {
				t.Errorf("ends = %+v, want %+v", got, want)
			}
		})
	}
	got, _ := harborCaptures(t, "replication-failed-and-tried-again")
	if r := got[0].Replication; r.Source.Namespace != "demo" || r.Destination.Namespace != "mirror" || r.Destination.Registry != "plain-remote" {
		t.Errorf("captured: from %+v to %+v, want from demo to mirror", r.Source, r.Destination)
	}
}

func TestHarborErrorInReplicationIsNotFinal(t *testing.T) {
	got, _ := harborCaptures(t, "replication-failed-and-tried-again")
	want := []event.Type{event.ReplicationStarted, event.ReplicationFailed, event.ReplicationStarted, event.ReplicationSucceeded}
	if !slices.Equal(types(got), want) {
		t.Errorf("%v, want %v", types(got), want)
	}
	for _, e := range got {
		failed := e.Type == event.ReplicationFailed
		if final := e.Replication.Final; (final != nil) != failed || failed && *final {
			t.Errorf("%s: final = %v", e.Type, final)
		}
		if e.Replication.TaskID != "168" || e.Replication.ExecutionID != "169" {
			t.Errorf("%s: task %s of execution %s, want all of one", e.Type, e.Replication.TaskID, e.Replication.ExecutionID)
		}
	}
	if e := oneOfHarbor(t, replication("Stopped", "", "remote")); e.Type != event.ReplicationCanceled || e.Status != event.Canceled {
		t.Errorf("stopped = %s, %s", e.Type, e.Status)
	}
}

func TestHarborReplicatedDeletesLookLikeCopies(t *testing.T) {
	got, _ := harborCaptures(t, "replication-failed-and-tried-again")
	want := event.ReplicatedContent{Type: "artifact", Status: "Success", Name: "nested/app", References: []string{"v1", "v1-alias"}}
	if c := got[3].Replication.Succeeded; len(c) != 1 || fmt.Sprint(c[0]) != fmt.Sprint(want) {
		t.Errorf("succeeded = %+v, want %+v, and no word of what was done", c, want)
	}
}

func TestHarborQuotaNumbersAreProse(t *testing.T) {
	num := func(p *int64) string {
		if p == nil {
			return "-"
		}
		return fmt.Sprint(*p)
	}
	tests := []struct {
		name, prose        string
		typ                string
		used, limit, asked string
		threshold          float64
		rounded            bool
		want               event.Type
	}{
		{"warning", "quota usage reach 85%: resource storage used 4.3 MiB of 4.8 MiB", "QUOTA_WARNING", "4508877", "5033165", "-", 85, true, event.QuotaWarning},
		{"exceeded", "adding 2.9 GiB of storage resource, which when updated to current usage of 4.3 TiB will exceed the configured upper limit of 415 B.", "QUOTA_EXCEED", "4727899999437", "415", "3113851290", 0, true, event.QuotaExceeded},
		{"in KiB", "quota usage reach 85%: resource storage used 1 KiB of 2.5KiB", "QUOTA_WARNING", "1024", "2560", "-", 85, true, event.QuotaWarning},
		{"another sentence", "the quota is nearly full", "QUOTA_WARNING", "-", "-", "-", 0, false, event.QuotaWarning},
		{"another unit", "quota usage reach 85%: resource storage used 4.3 MB of 4.8 MB", "QUOTA_WARNING", "-", "-", "-", 0, false, event.QuotaWarning},
		{"too many", "quota usage reach 85%: resource storage used 99999999999999999999 PiB of 1 B", "QUOTA_WARNING", "-", "1", "-", 85, true, event.QuotaWarning},
		{"1.10", "adding 1 MiB of storage resource, which when updated to current usage of 1 MiB will exceed the configured upper limit of 1 MiB.", "projectQuota", "1048576", "1048576", "1048576", 0, true, event.QuotaExceeded},
		{"no prose", "", "QUOTA_EXCEED", "-", "-", "-", 0, false, event.QuotaExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := oneOfHarbor(t, `{"type":"`+tt.typ+`","event_data":{`+repoInYard+`,"custom_attributes":{"Details":"`+tt.prose+`"}}}`)
			q := e.Quota
			if e.Type != tt.want || num(q.Used) != tt.used || num(q.Limit) != tt.limit || num(q.Asked) != tt.asked || q.Rounded != tt.rounded || q.Message != tt.prose {
				t.Errorf("%s: %s", e.Type, dumpEvent(t, e))
			}
			if q.Percent != nil || (q.Threshold != nil) != (tt.threshold != 0) || q.Threshold != nil && *q.Threshold != tt.threshold {
				t.Errorf("percent %v, threshold %v: 85 is the threshold and not what is in use", q.Percent, q.Threshold)
			}
			if (q.Resource == "storage") != tt.rounded {
				t.Errorf("resource = %q", q.Resource)
			}
		})
	}
}

func TestHarborQuotaMayNameTheArtifact(t *testing.T) {
	got, _ := harborCaptures(t, "quota-exceeded")
	if got[0].Artifact != nil || got[0].Repository == nil {
		t.Error("of a blob: want the repository and no artifact")
	}
	if a := got[1].Artifact; a == nil || a.Digest == "" || !slices.Equal(a.Tags, []string{"toolarge"}) || a.URL != "" {
		t.Errorf("of a manifest: artifact = %+v", a)
	}
}

func TestHarborRetention(t *testing.T) {
	got, _ := harborCaptures(t, "retention")
	e := got[len(got)-1]
	want := []event.Retained{{Name: "app:v3", Status: "SUCCESS"}, {Name: "app:v2", Status: "SUCCESS"}}
	if r := e.Retention; e.Type != event.RetentionCompleted || r.Total != 3 || r.Retained != 1 || r.PolicyID != "1" || !slices.Equal(r.Deleted, want) {
		t.Errorf("%s: %+v", e.Type, r)
	}
	if r := e.Repository; r == nil || *r != (event.Repository{Namespace: "ret", Name: "app", FullName: "ret/app"}) {
		t.Errorf("repository = %+v", r)
	}
	for names, want := range map[string]string{
		`"a/b@sha256:1"`: "ret/a/b", `"a:1"},{"name_tag":"b:1"`: "", `""`: "", `"a"`: "ret/a",
	} {
		e := oneOfHarbor(t, `{"type":"TAG_RETENTION","event_data":{"retention":{"project_name":"ret","deleted_artifact":[{"name_tag":`+names+`}]}}}`)
		if e.Repository == nil != (want == "") || e.Repository != nil && e.Repository.FullName != want {
			t.Errorf("%s: repository = %+v, want %q", names, e.Repository, want)
		}
	}
}

func TestHarborTimeIsInSeconds(t *testing.T) {
	e := oneOfHarbor(t, about("PUSH_ARTIFACT", `"digest":"x"`))
	if want := time.Unix(1795217669, 0); !e.Time.Equal(want) || e.TimeSource != event.TimeNative {
		t.Errorf("time = %v (%s), want %v", e.Time, e.TimeSource, want)
	}
	for _, odd := range []string{"0", "-1", "9223372036854775807"} {
		e := oneOfHarbor(t, strings.Replace(about("PUSH_ARTIFACT", `"digest":"x"`), "1795217669", odd, 1))
		if !e.Time.Equal(yard.Received) || e.TimeSource != event.TimeReceived {
			t.Errorf("%s: time = %v (%s), want that of receipt", odd, e.Time, e.TimeSource)
		}
	}
}

// The id of the request is what a client says that it is.
func TestHarborRequestIDIsCapped(t *testing.T) {
	id := strings.Repeat("é", 100)
	e := oneOfHarbor(t, `{"specversion":"1.0","id":"1","source":"/projects/2/webhook/policies/2","type":"harbor.artifact.pushed","requestid":"`+id+`"}`)
	if e.RequestID != strings.Repeat("é", 64) {
		t.Errorf("request id of %d bytes, want whole characters of 128", len(e.RequestID))
	}
	if e.ID == "" || e.Native.ID != "1" || e.Registry.Instance != "" {
		t.Errorf("id %q, native %q, instance %q", e.ID, e.Native.ID, e.Registry.Instance)
	}
}

// The source is a policy's path: two policies tell one thing under two ids, and two
// Harbors have the same paths, so that the registry's name is in the id.
func TestHarborCloudEventIDs(t *testing.T) {
	body := func(policy, id string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"/projects/2/webhook/policies/` + policy + `","type":"harbor.artifact.pushed"}`
	}
	first := oneOfHarbor(t, body("1", "a")).ID
	if again := oneOfHarbor(t, body("1", "a")).ID; again != first {
		t.Errorf("a repeat has id %s, want %s", again, first)
	}
	if other := oneOfHarbor(t, body("2", "a")).ID; other == first {
		t.Error("two sources share an id")
	}
	// Ids of events stored by earlier versions: they must never change.
	if want := "71750e1c-b10e-5663-898c-a4081805268d"; first != want {
		t.Errorf("id = %s, want %s", first, want)
	}
}

// Harbor 1.x deletes several tags with one notification.
func TestHarborEachResourceIsAnEvent(t *testing.T) {
	got := fromHarbor(t, about("deleteImage", `"digest":"`+digestOf+`","tag":"a"},{"digest":"`+digestOf+`","tag":"b"},{"tag":"c"`))
	if len(got) != 3 || got[0].Artifact.Tags[0] != "a" || got[1].Artifact.Tags[0] != "b" || got[2].Type != event.Unknown {
		t.Fatalf("%v", types(got))
	}
	if got[2].Reason != "deleteImage without resources[2].digest" {
		t.Errorf("reason = %s", got[2].Reason)
	}
}

func TestHarborHostIsThatOfTheURL(t *testing.T) {
	for url, want := range map[string]string{
		"reg.example:8443/prod/nested/app:v1":                     "reg.example:8443",
		"reg.example/prod/nested/app@" + digestOf:                 "reg.example",
		"https://reg.example/chartrepo/prod/charts/app-1.0.0.tgz": "",
		"reg.example/prod/nested/application:v1":                  "",
		"":                                                        "",
	} {
		e := oneOfHarbor(t, about("PUSH_ARTIFACT", `"digest":"`+digestOf+`","resource_url":"`+url+`"`))
		if e.Registry.Host != want || e.Artifact.URL != url {
			t.Errorf("%s: host %q, URL %q", url, e.Registry.Host, e.Artifact.URL)
		}
	}
}
