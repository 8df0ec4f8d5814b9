package integration_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// Each alert fires on series that bellbuoy has when it should, and is silent on those
// that it has when all is well. A point is a minute; the question is asked after 30.
func TestAlertsFire(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	load(t, "../examples/prometheus-rules.yml", &file)
	// Counters stand at 0 before anything has happened, so that the first one ever fires.
	for _, c := range []struct{ alert, fires, silent string }{
		{"BellbuoyDown", ``, `bellbuoy_build_info{version="1"} 1x40`},
		{"BellbuoyRefusesEvents", `bellbuoy_intake_requests_total{registry="r",status="503"} 0x25 1+1x10`,
			`bellbuoy_intake_requests_total{registry="r",status="202"} 0+5x40`},
		{"BellbuoyStoreFull", `bellbuoy_store_full 1x40`, `bellbuoy_store_full 0x40`},
		{"BellbuoyStoreFillsUp", `bellbuoy_store_alarm 1x40`, `bellbuoy_store_alarm 0x40`},
		{"BellbuoyCommitsFail", `bellbuoy_store_commit_errors_total 0x25 1x10`, `bellbuoy_store_commit_errors_total 3x40`},
		{"BellbuoyAnswersSlowly", `bellbuoy_intake_accept_seconds_bucket{le="0.5"} 0+1x40
			bellbuoy_intake_accept_seconds_bucket{le="1"} 0+5x40
			bellbuoy_intake_accept_seconds_bucket{le="+Inf"} 0+5x40`,
			`bellbuoy_intake_accept_seconds_bucket{le="0.5"} 0+5x40
			bellbuoy_intake_accept_seconds_bucket{le="1"} 0+5x40
			bellbuoy_intake_accept_seconds_bucket{le="+Inf"} 0+5x40`},
		{"BellbuoyDiskIsSlow", `bellbuoy_store_commit_seconds_bucket{le="0.25"} 0+1x40
			bellbuoy_store_commit_seconds_bucket{le="0.5"} 0+5x40
			bellbuoy_store_commit_seconds_bucket{le="+Inf"} 0+5x40`,
			`bellbuoy_store_commit_seconds_bucket{le="0.25"} 0+5x40
			bellbuoy_store_commit_seconds_bucket{le="+Inf"} 0+5x40`},
		{"BellbuoyLogGrows", `bellbuoy_store_log_bytes 300000000x40`, `bellbuoy_store_log_bytes 64000000x40`},
		{"BellbuoyRegistryHasWrongCredentials", `bellbuoy_intake_requests_total{registry="r",status="401"} 0x25 1x10`,
			`bellbuoy_intake_requests_total{registry="r",status="202"} 0+5x40`},
		{"BellbuoyQuarantine", `bellbuoy_events_total{registry="r",result="quarantined"} 0x25 1x10`,
			`bellbuoy_events_total{registry="r",result="quarantined"} 7x40`},
		{"BellbuoyHeldEventsAreLate", `bellbuoy_events_held_overdue_seconds 61x40`, `bellbuoy_events_held_overdue_seconds 0x40`},
		{"BellbuoyBacklogIsOld", `bellbuoy_backlog_oldest_seconds{target="ci"} 601x40`, `bellbuoy_backlog_oldest_seconds{target="ci"} 5x40`},
		{"BellbuoyDeliveriesDie", `bellbuoy_deliveries_total{target="ci",state="dead"} 0x25 1x10`,
			`bellbuoy_deliveries_total{target="ci",state="dead"} 7x40
			bellbuoy_deliveries_total{target="ci",state="delivered"} 0+5x40`},
		{"BellbuoyDeliveriesAreParked", `bellbuoy_deliveries{target="ci",state="parked"} 1x40`,
			`bellbuoy_deliveries{target="ci",state="parked"} 0x40
			bellbuoy_deliveries{target="ci",state="waiting"} 9x40`},
		{"BellbuoyTargetIsDisabled", `bellbuoy_target_condition{target="ci",condition="disabled"} 1x40`,
			`bellbuoy_target_condition{target="ci",condition="disabled"} 0x40
			bellbuoy_target_condition{target="ci",condition="failing"} 1x40`},
		{"BellbuoyTargetFails", `bellbuoy_target_condition{target="ci",condition="failing"} 1x40`,
			`bellbuoy_target_condition{target="ci",condition="failing"} 0x40`},
		{"BellbuoySenderIsDown", `bellbuoy_sender_up{type="webhook"} 0x40`, `bellbuoy_sender_up{type="webhook"} 1x40`},
		{"BellbuoySenderDiesAgainAndAgain", `bellbuoy_sender_restarts_total{type="webhook"} 0x25 4x10`,
			`bellbuoy_sender_restarts_total{type="webhook"} 0x25 1x10`},
		{"BellbuoyConfigIsNotInUse", `bellbuoy_config_reload_successful 0x40`, `bellbuoy_config_reload_successful 1x40`},
		{"BellbuoyMetricsAreIncomplete", `bellbuoy_metrics_incomplete 1x40`, `bellbuoy_metrics_incomplete 0x40`},
	} {
		t.Run(c.alert, func(t *testing.T) {
			expr := ""
			for _, g := range file.Groups {
				for i, r := range g.Rules {
					if r.Alert == c.alert {
						expr = r.Expr
						g.Rules[i].Alert = "" // had its turn
					}
				}
			}
			if expr == "" {
				t.Fatal("there is no such alert")
			}
			if !firesOn(t, expr, c.fires) {
				t.Errorf("%s is silent on %s", expr, c.fires)
			}
			if firesOn(t, expr, c.silent) {
				t.Errorf("%s fires on %s", expr, c.silent)
			}
		})
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				t.Errorf("nobody tried whether %s fires", r.Alert)
			}
		}
	}
}

// firesOn reports whether expr has a result after 30 minutes of series.
func firesOn(t *testing.T, expr, series string) bool {
	t.Helper()
	var all memory
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, parsed(t, line))
		}
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000, Timeout: time.Minute})
	q, err := engine.NewInstantQuery(t.Context(), all, nil, expr, time.Unix(0, 0).Add(30*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	v, err := q.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	return len(v) > 0
}

// parsed reads a series in the notation of Prometheus's own tests, a sample a minute.
func parsed(t *testing.T, line string) storage.Series {
	t.Helper()
	l, values, err := parser.ParseSeriesDesc(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	var samples []chunks.Sample
	for i, v := range values {
		if !v.Omitted {
			samples = append(samples, sample{int64(i) * time.Minute.Milliseconds(), v.Value})
		}
	}
	return storage.NewListSeries(l, samples)
}

// memory is series that can be queried.
type memory []storage.Series

func (m memory) Querier(int64, int64) (storage.Querier, error) { return m, nil }

func (m memory) Select(_ context.Context, _ bool, _ *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	var out []storage.Series
	for _, s := range m {
		if !slices.ContainsFunc(ms, func(x *labels.Matcher) bool { return !x.Matches(s.Labels().Get(x.Name)) }) {
			out = append(out, s)
		}
	}
	return &set{series: out}
}

func (memory) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (memory) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (memory) Close() error { return nil }

type set struct {
	series []storage.Series
	next   int
}

func (s *set) Next() bool                        { s.next++; return s.next <= len(s.series) }
func (s *set) At() storage.Series                { return s.series[s.next-1] }
func (s *set) Err() error                        { return nil }
func (s *set) Warnings() annotations.Annotations { return nil }

type sample struct {
	t int64
	v float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.v }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
