package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/backtest"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// try asks w for a back-test.
func try(w *world, query, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	return ask(w, "POST", "/api/v1/backtest"+query, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body = io.NopCloser(strings.NewReader(body))
		if change != nil {
			change(r)
		}
	})
}

func TestBacktest(t *testing.T) {
	w := newWorld(t)
	w.rules = compile(t, config.Rule{Name: "all", Enabled: true, Deliver: []config.Deliver{{Target: "ci"}}})
	w.run.Targets = []Target{{Name: "ci", Type: "webhook"}}
	w.accept("{}", func(a *store.Arrival) { a.Received = noon.Add(-3 * time.Hour) }, pushed(3))
	w.accept("{}", nil, pushed(1), pushed(2))
	held := pushed(4)
	held.Routing, held.Hold = store.Routing{}, &store.Hold{Reason: "lookup", RouteAt: time.Now().Add(time.Hour)}
	w.accept("{}", nil, held)
	after := compile(t, config.Rule{
		Name: "all", Enabled: true, Deliver: []config.Deliver{{Target: "nowhere"}},
		Tag: &config.Tag{Names: config.Names{Regex: "2"}},
	})

	rec := try(w, "?since="+noon.Format(time.RFC3339), string(after.Source()), nil)
	if rec.Code != 200 || rec.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %v: %s", rec.Code, rec.Header(), rec.Body)
	}
	var last backtestLine
	for lines := bufio.NewScanner(rec.Body); lines.Scan(); {
		last = backtestLine{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Fatal(err)
		}
	}
	r := last.Result
	if r == nil || r.Events != 2 || r.Held != 1 || len(r.Rules) != 1 || len(r.Targets) != 2 {
		t.Fatalf("got %+v", r)
	}
	if want := (backtest.Change{Before: 2, After: 1, OnlyBefore: 1}); r.Rules[0].Change != want {
		t.Errorf("rule %+v", r.Rules[0])
	}
	if nowhere, ci := r.Targets[0], r.Targets[1]; !nowhere.Missing || nowhere.After != 1 || ci.Missing || ci.OnlyBefore != 2 {
		t.Errorf("targets %+v", r.Targets)
	}
}

func TestBacktestRefuses(t *testing.T) {
	w := newWorld(t)
	w.rules = compile(t)
	good := string(w.rules.Source())
	for name, c := range map[string]struct {
		query, body string
		change      func(*http.Request)
		status      int
		detail      string
	}{
		"no rule set":           {"", "{", nil, 400, "decode rule set"},
		"a newer rule set":      {"", `{"v": 99, "rules": []}`, nil, 400, "this bellbuoy reads"},
		"an unknown key":        {"", `{"v": 1, "rules": [{"name": "a", "moon": "full"}]}`, nil, 400, "moon"},
		"a pattern that is not": {"", `{"v": 1, "rules": [{"name": "a", "enabled": true, "tag": {"regex": "("}, "deliver": []}]}`, nil, 400, "rules[0].tag.regex"},
		"a time that is not":    {"?since=soon", good, nil, 400, `since: "soon"`},
		"another parameter":     {"?until=1h", good, nil, 400, `no filter "until"`},
		"a form":                {"", good, header("Content-Type", "text/plain"), 415, "application/json"},
		"another site's page":   {"", good, header("Sec-Fetch-Site", "cross-site"), 403, "another site's page"},
		"another origin":        {"", good, header("Origin", "http://evil.example"), 403, "another origin"},
		"another machine":       {"", good, peer("192.0.2.7:4000"), 403, "only requests from this machine"},
		"too much":              {"", strings.Repeat(" ", maxRuleSet+1), nil, 413, "32 MiB"},
		"cut off": {"", good, func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(good), failing{}))
		}, 400, "did not arrive whole"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := try(w, c.query, c.body, c.change)
			if rec.Code != c.status || !strings.Contains(rec.Body.String(), strings.ReplaceAll(c.detail, `"`, `\"`)) ||
				rec.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %v: %s", rec.Code, rec.Header(), rec.Body)
			}
		})
	}
	if rec := ask(w, "GET", "/api/v1/backtest", nil); rec.Code != 405 || rec.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d", rec.Code)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// There is one at a time; a caller that goes away makes room.
func TestOneBacktestAtATime(t *testing.T) {
	w := newWorld(t)
	w.rules = compile(t)
	body, arrives := io.Pipe()
	first := make(chan int)
	go func() {
		first <- try(w, "", "", func(r *http.Request) { r.Body = body }).Code
	}()
	if _, err := arrives.Write([]byte("{")); err != nil { // it is read, so that the first is at work
		t.Fatal(err)
	}
	if rec := try(w, "", string(w.rules.Source()), nil); rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("the second: %d: %s", rec.Code, rec.Body)
	}
	arrives.CloseWithError(io.ErrUnexpectedEOF)
	if code := <-first; code != 400 {
		t.Errorf("the first: %d", code)
	}
	if rec := try(w, "", string(w.rules.Source()), nil); rec.Code != 200 {
		t.Errorf("the third: %d: %s", rec.Code, rec.Body)
	}
}

func TestRuleSet(t *testing.T) {
	w := newWorld(t)
	w.rules = compile(t, config.Rule{Name: "now", Enabled: true})
	then := compile(t, config.Rule{Name: "then", Enabled: true})
	if err := w.store.PutRuleSet(t.Context(), then.Hash(), then.Source()); err != nil {
		t.Fatal(err)
	}
	for _, set := range []*rules.Set{w.rules, then} {
		if rec := ask(w, "GET", "/api/v1/rule-sets/"+set.Hash(), nil); rec.Code != 200 || strings.TrimSpace(rec.Body.String()) != string(set.Source()) {
			t.Errorf("%d: %s", rec.Code, rec.Body)
		}
	}
	if rec := ask(w, "GET", "/api/v1/rule-sets/none", nil); rec.Code != 404 {
		t.Errorf("%d: %s", rec.Code, rec.Body)
	}
}

// hundred are rules of the kinds that people write; a push matches few of them.
func hundred(n int, salt string) []config.Rule {
	list := make([]config.Rule, n)
	for i := range list {
		r := config.Rule{Name: fmt.Sprintf("rule-%d", i), Enabled: true, Deliver: []config.Deliver{{Target: fmt.Sprintf("target-%d", i%20)}}}
		switch i % 4 {
		case 0:
			r.Scope.Repositories = []string{fmt.Sprintf("team-%d/app-%d/**", i, i)}
		case 1:
			r.Scope.Repositories = []string{fmt.Sprintf("team-%d/{api, web}/**", i), "!**/tmp/**"}
		case 2:
			r.Scope.Namespaces = []string{fmt.Sprintf("team-%d", i)}
			r.Tag = &config.Tag{Names: config.Names{Regex: "release-v.*" + salt}}
		case 3:
			r.Scope.Repositories = []string{"**/api"}
			r.Tag = &config.Tag{Names: config.Names{Regex: fmt.Sprintf("release-v%d.*", i)}}
		}
		list[i] = r
	}
	return list
}

// fill stores n pushes as set judges them, and returns how many bytes the names of the
// rules that matched take, and how many all verdicts would.
func fill(b *testing.B, s *store.Store, set *rules.Set, n int, matches bool) (matched, verdicts int) {
	b.Helper()
	if err := s.PutRuleSet(b.Context(), set.Hash(), set.Source()); err != nil {
		b.Fatal(err)
	}
	at := time.Now().UTC()
	var items []store.Item
	for i := range n {
		e := pushed(i).Event
		e.Time, e.Received = at, at
		e.Repository = &event.Repository{Namespace: fmt.Sprint("team-", i%100), FullName: fmt.Sprintf("team-%d/app-%d/api", i%100, i%100)}
		e.Artifact = &event.Artifact{
			Digest: "sha256:" + fmt.Sprintf("%064x", i), MediaType: "application/vnd.oci.image.manifest.v1+json",
			Kind: event.KindImage, Tags: []string{fmt.Sprintf("release-v%d", i)}, Size: 12345678,
			URL: "https://registry.example.com/v2/team/app/api/manifests/sha256:" + fmt.Sprintf("%064x", i),
		}
		e.Actor = &event.Actor{Name: "robot$ci", Address: "10.0.0.17:51234", UserAgent: "docker/29.0.1 go/go1.26 kernel/6.8"}
		r := store.Routing{JSON: encode(e), RuleSet: set.Hash()}
		for _, m := range set.Route(&e) {
			r.Matched = append(r.Matched, m.Rule)
		}
		names, _ := json.Marshal(r.Matched)
		matched += len(names)
		if n <= 1000 {
			all, _ := json.Marshal(set.Explain(&e))
			verdicts += len(all)
		}
		if !matches {
			r.Matched = nil
		}
		if items = append(items, store.Item{Event: e, Dedupe: true, Routing: r}); len(items) == 250 || i == n-1 {
			if _, err := s.Accept(b.Context(), store.Arrival{Registry: "hub", Received: at, Body: store.Raw{Bytes: []byte("{}"), Size: 2}, Items: items}); err != nil {
				b.Fatal(err)
			}
			items = nil
		}
	}
	return matched, verdicts
}

// BenchmarkBacktest is the whole of a back-test over HTTP, of 100 000 events in a real
// file.
func BenchmarkBacktest(b *testing.B) {
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "bellbuoy.db"), store.Options{Version: "test"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	usual := [2]*rules.Set{compile(b, hundred(100, "")...), compile(b, hundred(100, "1")...)}
	fill(b, s, usual[0], 100_000, true)
	// Not one rule is as it was, and each computes something.
	var hard [2]*rules.Set
	for i := range hard {
		list := hundred(100, "")
		for j := range list {
			list[j].Where = fmt.Sprintf(`event.artifact.size > %d and event.actor.name != "alice" and any(event.artifact.tags, # startsWith "release-v%d")`, j, i)
		}
		hard[i] = compile(b, list...)
	}
	for name, sets := range map[string][2]*rules.Set{"usual": usual, "hard": hard} {
		h := New(Config{
			Store: s, Rules: func() *rules.Set { return sets[0] }, Running: func() Running { return Running{} },
			Ready: func() error { return nil }, Log: slog.New(slog.DiscardHandler),
		})
		b.Run("events=100000/rules=100/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rec := try(&world{Handler: h}, "?since=72h", string(sets[1].Source()), nil)
				if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"events":100000,"held"`) {
					b.Fatalf("%d: %.500s", rec.Code, rec.Body)
				}
			}
		})
	}
}

// BenchmarkStoredVerdicts tells what is kept of the verdicts on an event: in the file,
// with the indexes by rule, in bytes an event; beside what all verdicts would take.
func BenchmarkStoredVerdicts(b *testing.B) {
	const events = 1000
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			set := compile(b, hundred(n, "")...)
			var size [2]int64
			var matched, verdicts int
			for b.Loop() {
				for i, with := range []bool{false, true} {
					path := filepath.Join(b.TempDir(), fmt.Sprint("bellbuoy-", i, ".db"))
					s, err := store.Open(b.Context(), path, store.Options{Version: "test"})
					if err != nil {
						b.Fatal(err)
					}
					matched, verdicts = fill(b, s, set, events, with)
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
					size[i] = sizeOf(b, path)
				}
			}
			b.ReportMetric(float64(matched)/events, "names-B/event")
			b.ReportMetric(float64(size[1]-size[0])/events, "file-B/event")
			b.ReportMetric(float64(verdicts)/events, "all-verdicts-B/event")
			b.ReportMetric(float64(len(set.Source())), "rule-set-B")
		})
	}
}

func sizeOf(b *testing.B, path string) int64 {
	b.Helper()
	info, err := filepath.Glob(path + "*")
	if err != nil {
		b.Fatal(err)
	}
	var sum int64
	for _, name := range info {
		sum += fileSize(b, name)
	}
	return sum
}

func fileSize(b *testing.B, name string) int64 {
	b.Helper()
	f, err := os.Stat(name)
	if err != nil {
		b.Fatal(err)
	}
	return f.Size()
}
