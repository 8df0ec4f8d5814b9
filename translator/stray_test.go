package translator_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Whoever posts to a registry of the wrong type is told the right one, by all types
// alike.
func TestStraysNameTheRightType(t *testing.T) {
	const repository = `"repository":{"name":"api","namespace":"prod","repo_full_name":"prod/api"}`
	others := []struct {
		of   adapters.Family
		body string
		// reads are the other types that understand it.
		reads []string
	}{
		{adapters.Distribution, `{"events":[{"id":"1","action":"push"}]}`, nil},
		{adapters.Harbor, `{"type":"PUSH_ARTIFACT","occur_at":1,"event_data":{"resources":[{"digest":"` + digestOf + `"}],` + repository + `}}`, nil},
		{adapters.Harbor, `{"specversion":"1.0","id":"1","source":"/projects/2/webhook/policies/3","type":"harbor.artifact.pushed","data":{}}`, []string{"cloudevents"}},
		{adapters.Quay, `{"repository":"prod/api","docker_url":"quay.io/prod/api","homepage":"https://quay.io/repository/prod/api","updated_tags":["v1"]}`, nil},
		{adapters.ACR, `{"specversion":"1.0","id":"1","source":"acs.cr","type":"cr:Artifact:PushCompleted","data":{}}`, []string{"cloudevents"}},
		{adapters.ACRPersonal, `{"push_data":{"digest":"` + digestOf + `","pushed_at":"2016-11-29 12:25:46","tag":"v1"},` + repository + `}`, nil},
		{adapters.TCR, `{"type":"pushImage","occur_at":1,"event_data":{"resources":[{"tag":"v1"}],` + repository + `}}`, []string{"harbor"}},
		{adapters.CloudEvents, `{"specversion":"1.0","id":"1","source":"acs.oss","type":"oss:ObjectCreated:PutObject","data":{}}`, nil},
		{adapters.DockerHub, `{"push_data":{"pushed_at":1417566161,"tag":"v1"},"repository":{"repo_name":"prod/api"}}`, nil},
	}
	for _, g := range registries() {
		for _, o := range others {
			if string(o.of) == g.name || slices.Contains(o.reads, g.name) {
				continue
			}
			want := "have it posted to a registry of type " + string(o.of)
			if o.of == adapters.DockerHub {
				want = "this is Docker Hub's webhook, which no registry type reads"
			}
			events := g.request(t, httptest.NewRequest(http.MethodPost, "/in/hub", nil), o.body)
			if len(events) != 1 || events[0].Type != event.Unknown || !strings.HasSuffix(events[0].Reason, want) {
				t.Errorf("%s's body to %s: %s, want unknown: %s", o.of, g.name, dump(t, events), want)
			}
		}
	}
}

// An event that somebody has named is Quay's, however its template has made it look.
func TestNamedEventsOfQuayAreNoStrays(t *testing.T) {
	const body = `{"event":"repo_push","type":"repo_push","event_data":{},"repository":"prod/api","updated_tags":["v1"]}`
	if e := bodies(t, "quay", body); len(e) != 1 || e[0].Type != event.ArtifactPushed {
		t.Errorf("events = %s, want a push", dump(t, e))
	}
}

func TestForeignNativesAreUnknown(t *testing.T) {
	for _, g := range registries() {
		got := g.translate(g.source(), adapters.Notification{Native: 7, ID: "x"})
		if len(got) != 1 || got[0].Type != event.Unknown || got[0].ID == "" || !strings.HasPrefix(got[0].Reason, "the adapter read a int, ") {
			t.Errorf("%s: events = %+v, want one that says what it was given", g.name, got)
		}
	}
}
