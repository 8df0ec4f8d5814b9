package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/receiver"
)

// What a running bellbuoy tells Prometheus is what happened to it, and what strangers
// post makes no series.
func TestMetricsOfTheSidecar(t *testing.T) {
	s := newStage(t, hasty)
	s.rec.Answer(func(receiver.Arrival) int { return http.StatusOK })
	if _, err := s.registry().Push(s.ctx, "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(all) > 0 })
	for _, path := range []string{"stranger", "stranger2"} {
		res, err := http.Post(strings.TrimSuffix(s.sidecar.Intake(), "hub")+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	var text string
	s.until("the delivery is counted", func() bool { // an attempt is read before what came of it
		var err error
		if text, err = s.sidecar.Metrics(s.ctx); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(text, `bellbuoy_deliveries_total{state="delivered",target="ci"} 1`) &&
			strings.Contains(text, `bellbuoy_attempts_total{outcome="delivered",target="ci"} 1`)
	})
	for _, want := range []string{
		`bellbuoy_events_total{registry="hub",result="stored",type="artifact.pushed"} 1`,
		`bellbuoy_intake_requests_total{registry="",status="404"} 2`,
		`bellbuoy_attempts_total{outcome="delivered",target="ci"} 1`,
		`bellbuoy_delivery_seconds_count{type="webhook"} 1`,
		`bellbuoy_sender_up{type="webhook"} 1`,
		`bellbuoy_sender_resident_bytes{type="webhook"} `,
		`bellbuoy_config_reload_successful 1`,
		"go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "stranger") {
		t.Error("what a stranger posted has a series")
	}
}
