package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/console"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// lists are those of the API, each by what it is asked for; the rules and the targets r0
// and t0 have most of the events, the last ones few.
func lists(start time.Time) []string {
	hour := "since=" + start.Add(24*time.Hour).UTC().Format(time.RFC3339) + "&until=" + start.Add(25*time.Hour).UTC().Format(time.RFC3339)
	return []string{
		"events", "events?limit=1000", "events?type=artifact.pushed", "events?type=quota.exceeded",
		"events?registry=hub", "events?registry=quiet", "events?repository=team/0", "events?repository=team/1999",
		"events?tag=latest", "events?tag=v777", "events?digest=" + digest, "events?native_id=native-333333", "events?id=" + id,
		"events?rule=r0", "events?rule=r9999", "events?target=t0", "events?target=t9999",
		"events?outcome=delivered", "events?outcome=dead", "events?outcome=waiting", "events?outcome=expired",
		"events?rule=r0&outcome=dead", "events?target=t1&outcome=waiting", "events?rule=r0&repository=team/0&tag=latest",
		"events?rule=r1&target=t2", "events?since=10m", "events?" + hour, "events?rule=r9999&" + hour,
		"deliveries", "deliveries?state=dead", "deliveries?state=delivered", "deliveries?state=waiting", "deliveries?state=expired",
		"deliveries?target=t0", "deliveries?target=t9999", "deliveries?target=t0&state=dead", "deliveries?target=t9999&state=dead",
		"deliveries?target=t1&state=waiting", "deliveries?rule=r0", "deliveries?rule=r9999", "deliveries?rule=r0&state=dead",
		"deliveries?repository=team/1999", "deliveries?repository=team/0&state=dead", "deliveries?type=quota.exceeded", "deliveries?tag=v777",
		"deliveries?digest=" + digest, "deliveries?id=" + id, "deliveries?since=10m", "deliveries?" + hour,
		"attempts", "attempts?target=t0&outcome=retry", "events/" + id, "events/native-333333", "deliveries/11111111-0000-7000-8000-000000333333",
		"rules/r0/log", "rules/r9999/log", "rules/r0/log?outcome=dead", "rules/r9999/log?outcome=dead", "rules/r0/log?" + hour,
		"rules/r9999/log?all", "rules/r9999/log?all&limit=1000", "rules/quotas/log?all",
		"targets/t0/log", "targets/t9999/log", "targets/t0/log?outcome=dead", "targets/t1/log?outcome=waiting",
		"audit", "audit?what=test", "audit?object=t9999", "inbox", "inbox?unread=true", "inbox/unread",
		"quarantine", "quarantine?limit=1000", "rules", "rules?limit=50", "targets", "targets?limit=50",
		"stats", "stats?since=72h", "stats?since=72h&sum=true",
	}
}

// pages are those of the console.
func pages() []string {
	return []string{
		"/", "/events", "/events?rule=r9999", "/events?outcome=waiting", "/events/" + id, "/rules", "/rules?name=99", "/rules/r9999", "/rules/r9999?all=true", "/rules/new",
		"/targets", "/targets?worries=true", "/targets/t9999", "/dead", "/dead?target=t0", "/inbox", "/registries", "/quarantine", "/audit",
	}
}

const (
	digest = "sha256:0000000000000000000000000000000000000000000000000000000000051615"
	id     = "00000000-0000-5000-8000-000000333333"
)

// BenchmarkListsOfTheAPI asks the API over HTTP for each of its lists, of a million events,
// 10 000 rules and as many targets, while 300 events a second come. `make lists` runs it.
func BenchmarkListsOfTheAPI(b *testing.B) {
	const events, many = 1_000_000, 10_000
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "bellbuoy.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c, running := large(b, s, many)
	start := time.Now().Add(-72 * time.Hour)
	began := time.Now()
	store.Fill(b, s, events, many, start, 72*time.Hour/events)
	people(b, s)
	b.Logf("%d events in %s", events, time.Since(began).Round(time.Second))

	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if _, err := s.Accept(context.Background(), push(c)); err != nil {
				b.Error(err)
				return
			}
			time.Sleep(3 * time.Millisecond)
		}
	}()
	defer func() { cancel(); <-ended }()

	srv := httptest.NewServer(api.New(api.Config{
		Store: s, Version: "test", Log: slog.New(slog.DiscardHandler),
		Rules: func() *rules.Set { return c }, Running: func() api.Running { return running },
		Ready:   func() error { return nil },
		Inboxes: func(string, []string) []store.Inbox { return nil },
		Objects: func() []objects.Object { return nil },
		Written: func(objects.Kind, string) (api.Written, bool) { return api.Written{Body: json.RawMessage(`{}`)}, true },
		Pages: func(h http.Handler) http.Handler {
			return console.New(console.Config{API: h, Connect: func(string) []console.Connection { return nil }, Version: "test", Log: slog.New(slog.DiscardHandler)})
		},
	}))
	defer srv.Close()
	all := pages()
	for _, path := range lists(start) {
		all = append(all, "/api/v1/"+path)
	}
	for _, path := range all {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			var size int64
			for b.Loop() {
				from := time.Now()
				resp, err := http.Get(srv.URL + path)
				if err != nil {
					b.Fatal(err)
				}
				size, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(resp.Status, err)
				}
				took = append(took, time.Since(from))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(size)/1024, "KiB")
		})
	}
}

// large are the rules of a large company, of which each has a target of its own, and one
// takes what hardly ever comes.
func large(b *testing.B, s *store.Store, many int) (*rules.Set, api.Running) {
	b.Helper()
	list := []config.Rule{{Name: "quotas", Enabled: true, Events: []string{"quota.exceeded"}, Deliver: []config.Deliver{{Target: "t0"}}}}
	running := api.Running{File: "bellbuoy.yml", Warnings: []api.Fault{}}
	for i := range many {
		list = append(list, config.Rule{
			Name: fmt.Sprint("r", i), Enabled: true, Events: []string{"artifact.pushed", "tag.deleted"},
			Scope: config.Scope{Repositories: []string{fmt.Sprintf("team/%d", i)}}, Deliver: []config.Deliver{{Target: fmt.Sprint("t", i)}},
		})
		running.Targets = append(running.Targets, api.Target{Name: fmt.Sprint("t", i), Type: "webhook", Source: &api.Source{File: "bellbuoy.yml", Line: i}})
	}
	for i, r := range list {
		running.Rules = append(running.Rules, api.Rule{
			Name: r.Name, Description: "tells the team of its repositories", Enabled: true, Events: r.Events,
			Targets: []string{r.Deliver[0].Target}, Source: &api.Source{File: "bellbuoy.yml", Line: i},
		})
	}
	set, faults := rules.Compile(list)
	if err := faults.Err(); err != nil {
		b.Fatal(err)
	}
	if err := s.PutRuleSet(b.Context(), set.Hash(), set.Source()); err != nil {
		b.Fatal(err)
	}
	running.RuleSet = set.Hash()
	return set, running
}

// people fills what people see: a full inbox, quarantine and an audit of years.
func people(b *testing.B, s *store.Store) {
	b.Helper()
	for i := range store.InboxKeeps {
		_, err := s.Notify(b.Context(), store.Notice{ID: fmt.Sprint("n", i), Inbox: store.Inbox{Kind: "user", Name: "operator"}, Level: "info", Title: "a push", Event: id, Target: "t0"})
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range 2000 {
		body := fmt.Appendf(nil, "no JSON %d", i)
		_, err := s.Accept(b.Context(), store.Arrival{Registry: "hub", Received: time.Now(), Remote: "192.0.2.1:7",
			Body: store.Raw{Bytes: body, Size: int64(len(body)), SHA256: sha256.Sum256(body)}, Quarantine: "it is no JSON"})
		if err != nil {
			b.Fatal(err)
		}
	}
	store.FillAudit(b, s, 100_000)
}

// push is one that comes meanwhile.
func push(set *rules.Set) store.Arrival {
	now := time.Now().UTC()
	e := event.Event{
		V: 1, ID: uuid.NewString(), Type: event.ArtifactPushed, Time: now, Received: now,
		Registry: event.Registry{Name: "hub", Type: "distribution"}, Repository: &event.Repository{Namespace: "team", FullName: "team/0"},
		Artifact: &event.Artifact{Digest: "sha256:1", Tags: []string{"latest"}}, Origin: event.OriginNative,
	}
	encoded, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings
	}
	return store.Arrival{Registry: "hub", Received: now, Body: store.Raw{Bytes: encoded, Size: int64(len(encoded))}, Items: []store.Item{{
		Event: e, Routing: store.Routing{JSON: encoded, RuleSet: set.Hash(), Matched: []string{"r0"}, Deliveries: []store.Planned{
			{ID: uuid.NewString(), Target: "t0", Type: "webhook", Rule: "r0", Rules: []string{"r0"}, Due: now, GiveUp: now.Add(time.Hour)},
		}},
	}}}
}
