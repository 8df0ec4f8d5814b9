// Package metrics is what an operator watches, in the form that Prometheus reads.
//
// What happens is counted as it happens, by the methods of [Metrics], which the parts
// call through functions that they are given. What stands is read when it is asked for,
// from counters and indexes: no scrape reads rows by the number of events. Labels are
// names of the configuration and words of closed lists; nothing that comes from outside
// makes a series.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// Metrics counts what happens. Its methods may be called from many goroutines.
type Metrics struct {
	registry *prometheus.Registry
	own      []prometheus.Collector // but for what is read when it is asked for

	events       *prometheus.CounterVec // registry, type, result
	requests     *prometheus.CounterVec // registry, status
	accept       prometheus.Histogram
	attempts     *prometheus.CounterVec   // target, outcome
	attempt      *prometheus.HistogramVec // type
	delivery     *prometheus.HistogramVec // type
	commit       prometheus.Histogram
	jobs         prometheus.Histogram
	commitErrors prometheus.Counter
	refused      *prometheus.CounterVec // way, outcome
}

// How long things take: from half a millisecond to what registries wait, to what a send
// may take, and to when a delivery is given up.
var (
	answerBuckets   = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	attemptBuckets  = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30}
	deliveryBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600, 72 * 3600}
	jobBuckets      = prometheus.ExponentialBuckets(1, 2, 10)
)

// New returns metrics of a bellbuoy of that version, in a registry of its own.
func New(version, goVersion string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.events = counters("bellbuoy_events_total",
		"Events by what was done with them: stored, counted, duplicate, conflict; and bodies that were quarantined.", "registry", "type", "result")
	m.requests = counters("bellbuoy_intake_requests_total",
		"Requests of registries by the status of the answer; no registry where none of the configuration was named.", "registry", "status")
	m.refused = counters("bellbuoy_access_refused_total",
		"Who asked the admin listener and was refused, by the way in which he showed who he is (token, session, password, oidc) and why.", "way", "outcome")
	m.accept = histogram("bellbuoy_intake_accept_seconds",
		"How long requests took that were answered 202, from the first byte of the header to the answer.", answerBuckets)
	m.attempts = counters("bellbuoy_attempts_total", "Attempts of deliveries by how they ended.", "target", "outcome")
	m.attempt = histograms("bellbuoy_attempt_seconds", "How long attempts took, by the type of the target.", attemptBuckets, "type")
	m.delivery = histograms("bellbuoy_delivery_seconds",
		"How long deliveries took that were delivered, from when they were planned to the answer of the target.", deliveryBuckets, "type")
	m.commit = histogram("bellbuoy_store_commit_seconds", "How long commits took, the sync to disk included.", answerBuckets)
	m.jobs = histogram("bellbuoy_store_commit_jobs", "How many writes shared a commit.", jobBuckets)
	m.commitErrors = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bellbuoy_store_commit_errors_total", Help: "Commits that failed and were taken back.",
	})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "bellbuoy_build_info", Help: "Always 1; which bellbuoy this is.",
	}, []string{"version", "go"})
	build.WithLabelValues(version, goVersion).Set(1)
	m.own = []prometheus.Collector{
		m.events, m.requests, m.accept, m.attempts, m.attempt, m.delivery, m.commit, m.jobs, m.commitErrors, m.refused, build,
	}
	m.registry.MustRegister(m.own...)
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// Handler serves what was counted, and what s says when it is asked.
func (m *Metrics) Handler(s Sources) http.Handler {
	m.registry.MustRegister(&standing{Sources: s})
	serve := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
		Timeout:             2 * scrapeTimeout,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Config != nil {
			m.prime(s.Config().Registries)
		}
		serve.ServeHTTP(w, r)
	})
}

// prime has the series begin at 0 whose first step somebody must hear of: Prometheus
// sees no increase in a series that begins at 1.
func (m *Metrics) prime(registries []string) {
	for _, r := range registries {
		m.events.WithLabelValues(r, "", "quarantined")
		for _, status := range []int{http.StatusAccepted, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable} {
			m.requests.WithLabelValues(r, strconv.Itoa(status))
		}
	}
}

// Request counts a request to the intake: by the registry of the configuration that it
// named, "" for none, and the status that it was answered.
func (m *Metrics) Request(registry string, status int, took time.Duration) {
	m.requests.WithLabelValues(registry, strconv.Itoa(status)).Inc()
	if status == http.StatusAccepted {
		m.accept.Observe(took.Seconds())
	}
}

// Refused counts who asked the admin listener and was refused. Both are words of closed lists.
func (m *Metrics) Refused(way, outcome string) { m.refused.WithLabelValues(way, outcome).Inc() }

// Attempt counts an attempt of a delivery to a target of type typ, which took so long
// and ended as o says. What was not attempted is not counted.
func (m *Metrics) Attempt(typ string, c store.Claimed, o store.Outcome, took time.Duration) {
	if o.Outcome == "" {
		return
	}
	m.attempts.WithLabelValues(o.Target, string(o.Outcome)).Inc()
	m.attempt.WithLabelValues(typ).Observe(took.Seconds())
	if o.State != store.Delivered {
		return
	}
	// A delivery's id tells when it was planned, to the millisecond.
	if id, err := uuid.Parse(c.ID); err == nil && id.Version() == 7 {
		sec, nsec := id.Time().UnixTime()
		m.delivery.WithLabelValues(typ).Observe(max(0, time.Since(time.Unix(sec, nsec)).Seconds()))
	}
}

// Commit counts a commit of the store.
func (m *Metrics) Commit(c store.Commit) {
	if c.Failed {
		m.commitErrors.Inc()
		return
	}
	m.commit.Observe(c.Took.Seconds())
	m.jobs.Observe(float64(c.Jobs))
	for _, n := range c.Counted {
		m.events.WithLabelValues(n.Registry, n.Type, n.What).Add(float64(n.Count))
	}
}
