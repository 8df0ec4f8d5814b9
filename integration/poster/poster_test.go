package poster_test

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/notifications"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInsist(t *testing.T) {
	rec, err := receiver.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Down()
	var n atomic.Int32
	rec.Answer(func(receiver.Arrival) int {
		if n.Add(1) < 3 {
			return http.StatusServiceUnavailable
		}
		return http.StatusAccepted
	})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	body, err := poster.Envelope("0197a1fb-3188-7a7c-9eef-000000000001", "team/app", "v1", at)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	p := poster.Poster{URL: rec.URL(), Bearer: "secret", Client: &http.Client{Transport: transport}}
	if err := p.Insist(t.Context(), body); err != nil {
		t.Fatal(err)
	}
	all := rec.Arrivals()
	if len(all) != 3 {
		t.Fatalf("posted %d times, want until the first 202, which is the third", len(all))
	}
	last := all[2]
	if got := last.Header.Get("Content-Type"); got != notifications.EventsMediaType {
		t.Errorf("content type %q", got)
	}
	if got := last.Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("authorization %q", got)
	}
	var envelope struct{ Events []notifications.Event }
	if err := json.Unmarshal(last.Body, &envelope); err != nil || len(envelope.Events) != 1 {
		t.Fatalf("read the envelope: %v in %s", err, last.Body)
	}
	if e := envelope.Events[0]; e.Target.Repository != "team/app" || e.Target.Tag != "v1" || !e.Timestamp.Equal(at) {
		t.Errorf("the event is not the one asked for: %+v", e)
	}
	if len(last.Body) < 1000 || len(last.Body) > 2000 {
		t.Errorf("the envelope has %d bytes, not about as many as a registry's", len(last.Body))
	}
}
