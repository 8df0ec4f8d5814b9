package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// BenchmarkListOfAMillion asks for the newest 50 of a million events, by each thing that
// lists are asked for, alone and together, while more events come. `make lists` runs it.
// What is many and what is few is as in a large company: 3 registries, one of them
// quiet; 2 000 repositories and 40 rules and targets, of which few take most; one
// delivery in a thousand is dead, and one target was down for the last hour.
func BenchmarkListOfAMillion(b *testing.B) {
	const events = 1_000_000
	s, err := begin(b.Context(), temp(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.PutRuleSet(b.Context(), testRules, []byte("[]")); err != nil {
		b.Fatal(err)
	}
	start := time.Now().Add(-72 * time.Hour)
	began := time.Now()
	fill(b, s, events, 40, start, 72*time.Hour/events)
	b.Logf("%d events in %s", events, time.Since(began).Round(time.Second))

	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() { // 300 events a second
		defer close(ended)
		for ctx.Err() == nil {
			a := push(uuid.NewString(), "team/0", "t0")
			a.Items[0].Routing.Matched = []string{"r0"}
			if _, err := s.Accept(context.Background(), a); err != nil {
				b.Error(err)
				return
			}
			time.Sleep(3 * time.Millisecond)
		}
	}()
	defer func() { cancel(); <-ended }()

	for _, c := range []struct {
		name string
		q    Query
	}{
		{"newest", Query{}},
		{"rule that matches most", Query{Rule: "r0"}},
		{"rule that matches few", Query{Rule: "r39"}},
		{"rule that matches none", Query{Rule: "none"}},
		{"target of most", Query{Target: "t0"}},
		{"target of few", Query{Target: "t39"}},
		{"repository of many", Query{Repository: "team/0"}},
		{"repository of few", Query{Repository: "team/1999"}},
		{"digest", Query{Digest: digest(events / 3)}},
		{"native id", Query{NativeID: fmt.Sprint("native-", events/3)}},
		{"id", Query{ID: fmt.Sprintf("00000000-0000-5000-8000-%012d", events/3)}},
		{"tag of many", Query{Tag: "latest"}},
		{"tag of few", Query{Tag: "v777"}},
		{"type of most", Query{Type: "artifact.pushed"}},
		{"type of few", Query{Type: "quota.exceeded"}},
		{"registry that is busy", Query{Registry: "hub"}},
		{"registry that is quiet", Query{Registry: "quiet"}},
		{"outcome delivered", Query{Outcome: "delivered"}},
		{"outcome dead", Query{Outcome: "dead"}},
		{"outcome waiting", Query{Outcome: "waiting"}},
		{"outcome expired, of which there is none", Query{Outcome: "expired"}},
		{"target of most, dead", Query{Target: "t0", Outcome: "dead"}},
		{"target of few, dead", Query{Target: "t39", Outcome: "dead"}},
		{"target that was down, waiting", Query{Target: "t1", Outcome: "waiting"}},
		{"target that was down, delivered", Query{Target: "t1", Outcome: "delivered"}},
		{"rule of most, dead", Query{Rule: "r0", Outcome: "dead"}},
		{"rule of few, delivered", Query{Rule: "r39", Outcome: "delivered"}},
		{"rule and repository, both of many", Query{Rule: "r0", Repository: "team/0"}},
		{"rule of most, repository of few", Query{Rule: "r0", Repository: "team/1999"}},
		{"rule and target that never meet", Query{Rule: "r1", Target: "t2"}},
		{"rule, repository and tag", Query{Rule: "r0", Repository: "team/0", Tag: "latest"}},
		{"last ten minutes", Query{Since: time.Now().Add(-10 * time.Minute)}},
		{"an hour, two days ago", Query{Since: start.Add(24 * time.Hour), Until: start.Add(25 * time.Hour)}},
		{"an hour, two days ago, rule of few", Query{Rule: "r39", Since: start.Add(24 * time.Hour), Until: start.Add(25 * time.Hour)}},
		{"an hour, two days ago, type of few", Query{Type: "quota.exceeded", Since: start.Add(24 * time.Hour), Until: start.Add(25 * time.Hour)}},
		{"rule, from the middle on", Query{Rule: "r0", Before: strconv.FormatInt(events/2, 36)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			n := 0
			for b.Loop() {
				from := time.Now()
				p, err := s.List(ctx, c.q)
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(from))
				n = len(p.Events)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(n), "events")
		})
	}
	b.Run("targets, with their counts", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.TargetCounts(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("what a scrape asks", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Backlog(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func digest(i int) string { return fmt.Sprintf("sha256:%064x", i) }

// few chooses one of n, the first ones most often.
func few(r *rand.Rand, n int) int { return int(float64(n) * r.Float64() * r.Float64() * r.Float64()) }

// Fill writes events as they would be after they came and were delivered, of which each
// matches one of so many rules, and was for one of as many targets. It goes round the
// writer. The rules that judged them are those that were put first.
func Fill(b *testing.B, s *Store, events, rules int, start time.Time, each time.Duration) {
	fill(b, s, events, rules, start, each)
}

// fill is [Fill], in transactions of many.
func fill(b *testing.B, s *Store, events, rules int, start time.Time, each time.Duration) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	seq, delivery := int64(0), int64(0)
	err := s.write(b.Context(), &job{run: func(ctx context.Context) error {
		exec := func(query string, args ...any) error {
			_, err := s.conn.ExecContext(ctx, query, args...)
			return err
		}
		if err := exec(`INSERT INTO arrival VALUES (1, 'hub', 0, '', '{}', x'7b7d', 2, x'00', 0)`); err != nil {
			return err
		}
		for seq < int64(events) {
			seq++
			if err := fillOne(ctx, s, r, seq, &delivery, start.Add(time.Duration(seq)*each), int64(events), rules); err != nil {
				return err
			}
		}
		for _, q := range []string{
			`INSERT INTO seen (event, id, fingerprint, at) SELECT seq, id, fingerprint, received FROM event ORDER BY id`,
			`INSERT OR IGNORE INTO event_key (key, event) SELECT k.value, e.seq FROM event e, json_each(e.keys) k ORDER BY 1, 2`,
			`UPDATE meta SET value = (SELECT max(seq) FROM event) WHERE key = 'indexed'`,
			`INSERT INTO ended SELECT ended / 3600000000, target, state, count(*) FROM delivery WHERE state <> 'waiting' GROUP BY 1, 2, 3`,
			`INSERT INTO tally SELECT received / 3600000000, registry, 'stored', type, count(*) FROM event GROUP BY 1, 2, 4`,
			`INSERT INTO minute SELECT received / 60000000, min(seq), max(seq) FROM event GROUP BY 1`,
		} {
			if err := exec(q); err != nil {
				return err
			}
		}
		s.seqs.event, s.seqs.delivery, s.seqs.arrival = seq, delivery, 1
		return nil
	}, then: func() { s.tail.indexed, s.tail.last = seq, seq }})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.checkpoint(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// FillAudit writes so many entries into the audit.
func FillAudit(b *testing.B, s *Store, entries int) {
	b.Helper()
	err := s.write(b.Context(), &job{run: func(ctx context.Context) error {
		for i := range entries {
			what := []string{AuditRedeliver, AuditDisable, AuditEnable, AuditTest}[few(rand.New(rand.NewPCG(1, uint64(i))), 4)]
			if _, err := s.audit(ctx, "ann", what, fmt.Sprint("t", i%10_000), map[string]int{"deliveries": i}); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		b.Fatal(err)
	}
}

func fillOne(ctx context.Context, s *Store, r *rand.Rand, seq int64, delivery *int64, at time.Time, last int64, rules int) error {
	e := event.Event{
		V: 1, ID: fmt.Sprintf("00000000-0000-5000-8000-%012d", seq), Type: event.ArtifactPushed, Time: at, Received: at,
		Registry:   event.Registry{Name: []string{"hub", "hub2"}[few(r, 2)], Type: "distribution"},
		Repository: &event.Repository{Namespace: "team", FullName: fmt.Sprint("team/", few(r, 2000))},
		Artifact: &event.Artifact{
			Digest: digest(int(seq)), MediaType: "application/vnd.oci.image.manifest.v1+json", Kind: "image",
			Tags: []string{[]string{"latest", fmt.Sprint("v", r.IntN(5000))}[r.IntN(2)]},
		},
		Actor:  &event.Actor{Name: "robot$ci", Address: "192.0.2.17", UserAgent: "docker/27.0.3 go/go1.21.11"},
		Native: event.Native{ID: fmt.Sprint("native-", seq), Type: "push"}, Origin: event.OriginNative,
	}
	switch {
	case r.IntN(10) == 0:
		e.Type = event.TagDeleted
	case r.IntN(50_000) == 0:
		e.Type = event.QuotaExceeded
	}
	if r.IntN(20_000) == 0 {
		e.Registry.Name = "quiet"
	}
	j, err := json.Marshal(e)
	if err != nil {
		return err
	}
	rule := few(r, min(rules, 40))
	if rules > 40 && r.IntN(2) == 0 {
		rule = r.IntN(rules)
	}
	routing := Routing{JSON: j, Matched: []string{fmt.Sprint("r", rule)}, Deliveries: []Planned{{Target: fmt.Sprint("t", rule)}}}
	repository, sum := subject(&e)
	if _, err := s.stmts.insertEvent.ExecContext(ctx, seq, e.ID, 1, "routed", "", 0, micros(at), string(e.Type), "", e.Registry.Name,
		repository, sum, keys(&e, routing), e.Native.ID, make([]byte, 32), 1, list(routing.Matched), j); err != nil {
		return err
	}
	state := Delivered
	switch {
	case r.IntN(1000) == 0:
		state = Dead
	case rule == 1 && seq > last*71/72:
		state = Waiting
	}
	*delivery++
	id := fmt.Sprintf("11111111-0000-7000-8000-%012d", *delivery)
	_, err = s.conn.ExecContext(ctx, `INSERT INTO delivery (seq, id, event, target, type, rule, rules, key, state, due, attempts, give_up, hold, ended)
		VALUES (?1, ?2, ?3, ?4, 'webhook', ?5, ?6, ?7, ?8, ?9, 1, ?10, 300000000, ?9)`, *delivery, id, seq, routing.Deliveries[0].Target,
		routing.Matched[0], list(routing.Matched), repository, string(state), micros(at), micros(at.Add(72*time.Hour)))
	if err != nil {
		return err
	}
	_, err = s.stmts.insertAttempt.ExecContext(ctx, *delivery, 1, micros(at), "delivered", 200, 1200,
		`{"method":"POST","url":"http://ci.example.com/hook","headers":{"Content-Type":"application/json"}}`, "ok", "", "", 0, "event")
	return err
}
