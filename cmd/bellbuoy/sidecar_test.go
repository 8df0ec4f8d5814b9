package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

const (
	pushID = "5f0c1b52-2f0e-5c43-9d55-0a86c5a8e1b7"
	native = "urn:push/1 of 2"
)

// sidecar is the real API on a real store that holds one push, delivered to ci at
// the second attempt, and one body that could not be read.
func sidecar(t *testing.T) (server string) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	set, faults := rules.Compile([]config.Rule{
		{Name: "all", Enabled: true, Events: []string{"artifact.pushed"}},
		{Name: "releases", Enabled: true, Tag: &config.Tag{Names: config.Names{Regex: "release-v.*"}}},
		{Name: "deletions", Enabled: true, Events: []string{"*.deleted"}},
		{Name: "staging", Enabled: true, Scope: config.Scope{Namespaces: []string{"staging"}}},
	})
	must(faults.Err())
	must(s.PutRuleSet(t.Context(), set.Hash(), set.Source()))

	at := time.Date(2026, 3, 1, 11, 59, 58, 0, time.UTC)
	e := event.Event{
		V: 1, ID: pushID, Type: event.ArtifactPushed, Time: at, TimeSource: event.TimeNative, Received: at,
		Registry:   event.Registry{Name: "hub", Type: "distribution"},
		Repository: &event.Repository{Namespace: "prod", Name: "api", FullName: "prod/api"},
		Artifact:   &event.Artifact{Tags: []string{"\u202e1.4.2"}, Kind: event.KindImage},
		Native:     event.Native{ID: native, Type: "push"}, Origin: event.OriginNative,
	}
	encoded, err := json.Marshal(e)
	must(err)
	_, err = s.Accept(t.Context(), store.Arrival{
		Registry: "hub", Received: at, Remote: "10.0.0.2:43210", Headers: map[string]string{"Content-Type": "application/json"},
		Body: store.Raw{Bytes: []byte("{}"), Size: 2},
		Items: []store.Item{{Event: e, Dedupe: true, Routing: store.Routing{
			JSON: encoded, RuleSet: set.Hash(), Matched: []string{"all"},
			Deliveries: []store.Planned{{
				ID: "0195504d-7a14-7c1e-8d4e-3f6a2f9a5d11", Target: "ci", Type: "webhook", Rule: "all", Rules: []string{"all"},
				Due: at, GiveUp: time.Now().Add(72 * time.Hour),
			}},
		}}},
	})
	must(err)
	_, err = s.Accept(t.Context(), store.Arrival{
		Registry: "hub", Received: at, Remote: "10.0.0.2:43211",
		Body: store.Raw{Bytes: []byte("\xffno"), Size: 3}, Quarantine: "not JSON: invalid character 'ÿ'",
	})
	must(err)

	attempt := func(state store.State, o store.Outcome) {
		t.Helper()
		claimed, err := s.Claim(t.Context(), "ci", 1)
		must(err)
		if len(claimed) != 1 {
			t.Fatalf("claimed %d deliveries", len(claimed))
		}
		o.Seq, o.Target, o.Attempt, o.State = claimed[0].Seq, "ci", claimed[0].Attempt, state
		must(s.Record(t.Context(), []store.Outcome{o}))
	}
	request := plugin.Request{Method: "POST", URL: "https://ci.example.com/hook", Headers: map[string]string{"X-Token": "***"}}
	attempt(store.Waiting, store.Outcome{
		Time: at, Next: at.Add(5 * time.Second), Outcome: plugin.Retry, Error: "503 Service Unavailable",
		Receipt: plugin.Receipt{Request: request, Status: 503, Latency: 12 * time.Millisecond, Reply: "busy", Scope: plugin.ScopeMessage},
	})
	attempt(store.Delivered, store.Outcome{
		Time: at.Add(5 * time.Second), Outcome: plugin.Delivered,
		Receipt: plugin.Receipt{Request: request, Status: 200, Latency: 8 * time.Millisecond},
	})

	running, faults := rules.Compile([]config.Rule{{Name: "all", Enabled: true, Deliver: []config.Deliver{{Target: "ci"}}}})
	must(faults.Err())
	srv := httptest.NewServer(api.New(api.Config{
		Store: s, Version: "test", Log: slog.New(slog.DiscardHandler),
		Rules: func() *rules.Set { return running },
		Ready: func() error { return errors.New("not asked") },
		Running: func() api.Running {
			return api.Running{
				Rules:   []api.Rule{{Name: "all", Enabled: true}, {Name: "asleep"}, {Name: "newer", Enabled: true}},
				Targets: []api.Target{{Name: "ci", Type: "webhook"}},
			}
		},
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAskTheSidecar(t *testing.T) {
	server := sidecar(t)

	got := bellbuoy(t, server, "trace", pushID)
	if got.status != exitDone {
		t.Fatalf("%+v", got)
	}
	plain(t, got.stdout)
	golden(t, "sidecar-trace.golden", got.stdout)
	// The registry's own id does as well, whatever is in it, and that of a delivery.
	for _, id := range []string{native, "0195504d-7a14-7c1e-8d4e-3f6a2f9a5d11"} {
		if other := bellbuoy(t, server, "trace", id); other.stdout != got.stdout {
			t.Errorf("by %s: %+v", id, other)
		}
	}

	got = bellbuoy(t, server, "events", "--outcome", "delivered", "--tag", "\u202e1.4.2", "--id", pushID)
	if got.status != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	golden(t, "sidecar-events.golden", got.stdout)
	for _, of := range [][]string{{"--rule", "all"}, {"--target", "ci"}} {
		got = bellbuoy(t, server, append([]string{"events"}, of...)...)
		plain(t, got.stdout)
		golden(t, "sidecar-deliveries.golden", got.stdout)
	}

	for _, of := range [][]string{{"rules", "log", "all"}, {"targets", "log", "ci"}} {
		got = bellbuoy(t, server, of...)
		plain(t, got.stdout)
		golden(t, "sidecar-log.golden", got.stdout)
	}
	got = bellbuoy(t, server, "rules", "log", "newer", "--all")
	golden(t, "sidecar-log-all.golden", got.stdout)

	got = bellbuoy(t, server, "events", "--limit", "1")
	if want := "These are the newest 1; there may be older ones: --limit N shows more.\n"; got.status != exitDone || got.stderr != want {
		t.Errorf("%+v", got)
	}
	got = bellbuoy(t, server, "quarantine", "-o", "json")
	var list []client.Quarantined
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || len(list) != 1 {
		t.Fatalf("%v in %+v", err, got)
	}
	got = bellbuoy(t, server, "quarantine", list[0].ID)
	if got.status != exitDone || !strings.Contains(got.stdout, "\n\\xffno\n") {
		t.Errorf("%+v", got)
	}
}

func TestTheSidecarRefuses(t *testing.T) {
	server := sidecar(t)
	for _, c := range []struct {
		line   string
		status int
		stderr string
	}{
		{"events --type push", exitUsage, "type: \"push\" is none of artifact.pushed, "},
		{"events --since soon", exitUsage, "since: \"soon\" is neither a time"},
		{"events --outcome lost", exitUsage, "outcome: \"lost\" is none of"},
		{"quarantine --limit 0", exitUsage, "limit: \"0\" is wrong: expected number >= 1"},
		{"events --tag none", exitNothing, "no event found"},
		{"rules log all --outcome lost", exitUsage, "outcome: \"lost\" is none of"},
		{"rules log all --outcome dead", exitNothing, "there is nothing in the log of all"},
		{"rules log none", exitNothing, "there is no rule \"none\""},
		{"targets log none", exitNothing, "there is no target \"none\""},
		{"targets log ci --all", exitUsage, "unknown flag: --all"},
		{"rules log", exitUsage, "want one NAME"},
		{"trace none", exitNothing, "there is no event \"none\""},
		{"quarantine none", exitNothing, "there is no \"none\" in quarantine"},
	} {
		got := bellbuoy(t, server, strings.Fields(c.line)...)
		if got.status != c.status || !strings.Contains(got.stderr, c.stderr) || got.stdout != "" {
			t.Errorf("%s: %+v", c.line, got)
		}
	}
}

// The client knows every field that the API tells, so that no story leaves out by
// mistake what there is to tell.
func TestClientKnowsWhatTheAPITells(t *testing.T) {
	server := sidecar(t)
	quarantined := bellbuoy(t, server, "quarantine", "-o", "json").stdout
	var list []client.Quarantined
	if err := json.Unmarshal([]byte(quarantined), &list); err != nil || len(list) != 1 {
		t.Fatalf("%v in %s", err, quarantined)
	}
	for _, c := range []struct {
		args []string
		into any
	}{
		{[]string{"trace", pushID}, &client.Trace{}},
		{[]string{"events"}, &[]client.Event{}},
		{[]string{"rules", "log", "all"}, &[]client.LogEntry{}},
		{[]string{"rules", "log", "newer", "--all"}, &[]client.LogEntry{}},
		{[]string{"targets", "log", "ci"}, &[]client.LogEntry{}},
		{[]string{"quarantine"}, &[]client.Quarantined{}},
		{[]string{"quarantine", list[0].ID}, &client.Quarantined{}},
	} {
		got := bellbuoy(t, server, append(c.args, "-o", "json")...)
		dec := json.NewDecoder(bytes.NewReader([]byte(got.stdout)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(c.into); err != nil {
			t.Errorf("%v: %v in %s", c.args, err, got.stdout)
		}
	}
}
