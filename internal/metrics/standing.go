package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// scrapeTimeout bounds what the store is asked for one scrape.
const scrapeTimeout = 2 * time.Second

// Sources are asked at each scrape. One that is nil has no metrics.
type Sources struct {
	Backlog func(context.Context) (store.Backlog, error)
	Files   func() store.Files
	Space   func() store.Space
	Config  func() Config
	Senders func() []Sender
	// Conditions are those of targets, by their names; others are healthy.
	Conditions func() map[string]store.Condition
}

// Config is how the last reload of the configuration went.
type Config struct {
	Registries, Targets []string  // that it names
	Loaded              time.Time // when what is in use was read
	Failed              bool      // the files have changed since, and cannot be used
}

// Sender is the process that sends for one type of target.
type Sender struct {
	Type     string
	Up       bool
	Halted   bool
	Restarts int
	InFlight int   // calls that it has not answered
	Dropped  int   // lines that it printed, beyond what is logged
	Resident int64 // bytes of memory; 0 where it is not known
}

// misconfigured is the condition of a target that answered that its options are wrong,
// beside those that [store.Condition.Word] has.
const misconfigured = "misconfigured"

// standing collects what stands at the moment of a scrape.
type standing struct{ Sources }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	deliveriesTotal = desc("bellbuoy_deliveries_total", "Deliveries that ever came into a state.", "target", "state")
	deliveries      = desc("bellbuoy_deliveries", "Deliveries that are in a state.", "target", "state")
	oldest          = desc("bellbuoy_backlog_oldest_seconds",
		"How long ago the event came that a target has waited for longest, retries included; 0 where none waits.", "target")
	held        = desc("bellbuoy_events_held", "Events that wait to be routed, up to 10000.")
	heldOverdue = desc("bellbuoy_events_held_overdue_seconds", "How long ago the first of them was to be routed at the latest; 0 where none is late.")
	fileBytes   = desc("bellbuoy_store_file_bytes", "Size of the store's file.")
	logBytes    = desc("bellbuoy_store_log_bytes", "Size of the log beside the store's file, which is moved into it bit by bit.")
	spaceLimit  = desc("bellbuoy_store_limit_bytes", "How much the store may use: what is configured, or less where the disk has no more.")
	spaceUsed   = desc("bellbuoy_store_used_bytes", "How much of that is used.")
	spaceAlarm  = desc("bellbuoy_store_alarm", "1 while four fifths of the space are taken by what is not delivered yet.")
	spaceFull   = desc("bellbuoy_store_full", "1 while nothing is accepted, since there is no space.")
	loaded      = desc("bellbuoy_config_loaded_timestamp_seconds", "When the configuration in use was read.")
	reloaded    = desc("bellbuoy_config_reload_successful", "0 while the configuration's files have changed and cannot be used.")
	senderUp    = desc("bellbuoy_sender_up", "1 while the process that sends for a type of target runs.", "type")
	restarts    = desc("bellbuoy_sender_restarts_total", "How often the process was started anew.", "type")
	resident    = desc("bellbuoy_sender_resident_bytes", "Memory that the process has in use.", "type")
	halted      = desc("bellbuoy_sender_halted", "1 while the process died so often that it is left alone for some minutes.", "type")
	inFlight    = desc("bellbuoy_sender_in_flight", "Calls that the process has not answered yet.", "type")
	linesLost   = desc("bellbuoy_sender_lines_dropped_total", "Lines that the process printed and that were too many for the log.", "type")
	condition   = desc("bellbuoy_target_condition", "1 for each condition that a target is in: failing, paused, disabled, misconfigured.", "target", "condition")
	incomplete  = desc("bellbuoy_metrics_incomplete", "1 where the store could not be asked in time, so that its metrics are missing.")
)

func described() []*prometheus.Desc {
	return []*prometheus.Desc{
		deliveriesTotal, deliveries, oldest, held, heldOverdue, fileBytes, logBytes, spaceLimit, spaceUsed, spaceAlarm, spaceFull,
		loaded, reloaded, senderUp, halted, restarts, inFlight, linesLost, resident, condition, incomplete,
	}
}

// Describe implements [prometheus.Collector].
func (s *standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range described() {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (s *standing) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	total := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	named := map[string]bool{}
	if s.Config != nil {
		c := s.Config()
		for _, t := range c.Targets {
			named[t] = true
		}
		gauge(loaded, float64(c.Loaded.UnixMilli())/1000)
		gauge(reloaded, truth(!c.Failed))
	}
	if s.Backlog != nil {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
		defer cancel()
		b, err := s.Backlog(ctx)
		gauge(incomplete, truth(err != nil))
		if err == nil {
			collectBacklog(b, named, time.Now(), gauge, total)
		}
	}
	if s.Files != nil {
		f := s.Files()
		gauge(fileBytes, float64(f.Size))
		gauge(logBytes, float64(f.Log))
	}
	if s.Space != nil {
		sp := s.Space()
		gauge(spaceLimit, float64(sp.Limit))
		gauge(spaceUsed, float64(sp.Used))
		gauge(spaceAlarm, truth(sp.Alarm))
		gauge(spaceFull, truth(sp.Full))
	}
	if s.Senders != nil {
		for _, p := range s.Senders() {
			gauge(senderUp, truth(p.Up), p.Type)
			gauge(halted, truth(p.Halted), p.Type)
			total(restarts, p.Restarts, p.Type)
			gauge(inFlight, float64(p.InFlight), p.Type)
			total(linesLost, p.Dropped, p.Type)
			if p.Resident > 0 {
				gauge(resident, float64(p.Resident), p.Type)
			}
		}
	}
	if s.Conditions != nil {
		for target, c := range s.Conditions() {
			if word := c.Word(time.Now()); word != store.Healthy {
				gauge(condition, 1, target, word)
			}
			if !c.Marked.IsZero() {
				gauge(condition, 1, target, misconfigured)
			}
		}
	}
}

// collectBacklog tells of the targets that the configuration names, and of others as
// long as something is to become of their deliveries.
func collectBacklog(b store.Backlog, named map[string]bool, now time.Time,
	gauge func(*prometheus.Desc, float64, ...string), total func(*prometheus.Desc, int, ...string)) {
	for target := range named { // so that the first of them is seen as a step
		if _, ok := b.Targets[target]; !ok {
			b.Targets[target] = store.TargetCount{Entered: map[store.State]int{}}
		}
	}
	for target, c := range b.Targets {
		if named[target] {
			for _, state := range []store.State{store.Dead, store.Expired} {
				c.Entered[state] += 0
			}
		}
		if !named[target] && c.States[store.Waiting]+c.States[store.Parked] == 0 {
			continue
		}
		for state, n := range c.Entered {
			total(deliveriesTotal, n, target, string(state))
			gauge(deliveries, float64(c.States[state]), target, string(state))
		}
		gauge(oldest, since(b.Oldest[target], now), target)
	}
	gauge(held, float64(b.Held))
	gauge(heldOverdue, since(b.HeldSince, now))
}

// since is how long ago t was: 0 where it is none, or still to come.
func since(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, now.Sub(t).Seconds())
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
