package delivery

import (
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// The schedule says when it is tried again, up to a fifth sooner or later; its last delay
// repeats; and what the target asks for is heeded where it is longer, up to an hour.
func TestNext(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		attempt int
		verdict plugin.Verdict
		random  float64
		want    time.Duration
	}{
		{attempt: 1, random: .5, want: 10 * time.Second},
		{attempt: 1, random: 0, want: 8 * time.Second},
		{attempt: 1, random: 1, want: 12 * time.Second},
		{attempt: 2, random: .5, want: time.Minute},
		{attempt: 40, random: .5, want: time.Minute},
		{attempt: 1, random: .5, verdict: plugin.Verdict{After: 5 * time.Second}, want: 10 * time.Second},
		{attempt: 1, random: .5, verdict: plugin.Verdict{After: 30 * time.Second}, want: 30 * time.Second},
		{attempt: 1, random: .5, verdict: plugin.Verdict{Until: now.Add(45 * time.Second)}, want: 45 * time.Second},
		{attempt: 1, random: .5, verdict: plugin.Verdict{Until: now.Add(-time.Hour)}, want: 10 * time.Second},
		{attempt: 1, random: .5, verdict: plugin.Verdict{After: 10 * 365 * 24 * time.Hour}, want: time.Hour},
		{attempt: 1, random: .5, verdict: plugin.Verdict{Until: now.AddDate(10, 0, 0)}, want: time.Hour},
	} {
		p := Policy{Schedule: []time.Duration{0, 10 * time.Second, time.Minute}, Random: func() float64 { return c.random }}
		if got := p.Next(c.attempt, c.verdict, now).Sub(now); got != c.want {
			t.Errorf("after attempt %d, asked %+v, random %v: in %v, want %v", c.attempt, c.verdict, c.random, got, c.want)
		}
	}
}

// A target that asks for silence is left alone as long as it asks, up to an hour.
func TestAsked(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		verdict plugin.Verdict
		want    time.Time
	}{
		{plugin.Verdict{}, time.Time{}},
		{plugin.Verdict{After: -time.Second}, time.Time{}},
		{plugin.Verdict{Until: now}, time.Time{}},
		{plugin.Verdict{After: time.Second}, now.Add(time.Second)},
		{plugin.Verdict{Until: now.Add(time.Minute)}, now.Add(time.Minute)},
		{plugin.Verdict{After: 2 * time.Hour}, now.Add(time.Hour)},
		{plugin.Verdict{Until: now.AddDate(10, 0, 0)}, now.Add(time.Hour)},
	} {
		if got := Asked(c.verdict, now); !got.Equal(c.want) {
			t.Errorf("%+v: until %v, want %v", c.verdict, got, c.want)
		}
	}
}
