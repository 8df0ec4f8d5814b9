package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// configured is the real API of a bellbuoy with two rules, on a real store that has two
// deliveries for a target which is gone from its config. A newer config has a fault.
func configured(t *testing.T) (server string) {
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
	must(s.PutRuleSet(t.Context(), "h", []byte("[]")))
	must(s.Targets(t.Context(), map[string]store.Target{"ci": {}}))
	at := time.Date(2026, 3, 1, 11, 59, 58, 0, time.UTC)
	for _, id := range []string{"one", "two"} {
		_, err := s.Accept(t.Context(), store.Arrival{Registry: "hub", Received: at, Items: []store.Item{{
			Event: event.Event{ID: id, Type: event.ArtifactPushed},
			Routing: store.Routing{JSON: []byte(`{"id":"` + id + `"}`), RuleSet: "h", Deliveries: []store.Planned{
				{ID: id, Target: "old-ci", Type: "webhook", Rule: "all", Due: at, GiveUp: at.Add(72 * time.Hour)},
			}},
		}}})
		must(err)
	}
	running := api.Running{
		File: "bellbuoy.yml", Loaded: at, RuleSet: "0123456789abcdef",
		Rules: []api.Rule{
			{Name: "all", Enabled: true, Events: []string{}, Targets: []string{"ci"}, Source: &api.Source{File: "bellbuoy.yml", Line: 12}},
			{Name: "deletions", Description: "of the past", Events: []string{"*.deleted", "quota.exceeded"}, Targets: []string{"ci", "ops"}, Source: &api.Source{File: "bellbuoy.yml", Line: 13}},
		},
		Targets:  []api.Target{{Name: "ci", Type: "webhook", Source: &api.Source{File: "bellbuoy.yml", Line: 7}}},
		Warnings: []api.Fault{{Severity: "warning", File: "bellbuoy.yml", Line: 1, Path: "listen", Message: "takes effect at the next start", Text: "bellbuoy.yml:1: listen: warning: takes effect at the next start"}},
		Failed: &api.FailedReload{Time: at.Add(time.Hour), Faults: []api.Fault{{Severity: "error", File: "bellbuoy.yml", Line: 12,
			Path: "rules[0].deliver[0]", Message: "unknown target \"cj\u202e\"", Text: "bellbuoy.yml:12: rules[0].deliver[0]: unknown target \"cj\u202e\""}}},
	}
	srv := httptest.NewServer(api.New(api.Config{
		Store: s, Version: "test", Log: slog.New(slog.DiscardHandler),
		Rules: func() *rules.Set { return nil }, Running: func() api.Running { return running },
		Ready: func() error { return nil },
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestRulesAndTargets(t *testing.T) {
	server := configured(t)
	got := bellbuoy(t, server, "rules")
	if got.status != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	plain(t, got.stdout)
	golden(t, "rules.golden", got.stdout)
	got = bellbuoy(t, server, "targets")
	if got.status != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	golden(t, "targets.golden", got.stdout)

	for _, c := range []struct {
		args []string
		into any
	}{
		{[]string{"rules"}, &client.Rules{}},
		{[]string{"targets"}, &[]client.Target{}},
	} {
		got := bellbuoy(t, server, append(c.args, "-o", "json")...)
		dec := json.NewDecoder(bytes.NewReader([]byte(got.stdout)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(c.into); err != nil {
			t.Errorf("%v: %v in %s", c.args, err, got.stdout)
		}
	}
}

func TestTargetsCancel(t *testing.T) {
	server := configured(t)
	for _, c := range []struct {
		line   string
		status int
		stderr string
	}{
		{"targets cancel", exitUsage, "want one NAME, not 0"},
		{"targets cancel ..", exitUsage, `".." is no NAME`},
		{"targets cance old-ci", exitUsage, `"cance" is one too many`},
		{"targets cancel ci", exitFailed, "defined in bellbuoy.yml:7"},
		{"targets cancel older-ci", exitNothing, "nothing is parked for a target \"older-ci\""},
	} {
		got := bellbuoy(t, server, strings.Fields(c.line)...)
		if got.status != c.status || !strings.Contains(got.stderr, c.stderr) || got.stdout != "" {
			t.Errorf("%s: %+v", c.line, got)
		}
	}
	if got := bellbuoy(t, server, "targets", "cancel", "old-ci"); got != (result{exitDone, "2 deliveries to old-ci cancelled.\n", ""}) {
		t.Errorf("%+v", got)
	}
	if got := bellbuoy(t, server, "trace", "one"); !strings.Contains(got.stdout, "cancelled by `bellbuoy targets cancel old-ci`") {
		t.Errorf("%+v", got)
	}
	if got := bellbuoy(t, server, "targets", "cancel", "old-ci", "-o", "json"); got.status != exitNothing {
		t.Errorf("again: %+v", got)
	}
}

func TestTargetsDecide(t *testing.T) {
	server := configured(t)
	for _, c := range []struct {
		line   string
		status int
		stdout string
		stderr string
	}{
		{"targets disable", exitUsage, "", "want one NAME, not 0"},
		{"targets disable nobody", exitNothing, "", `there is no target "nobody"`},
		{"targets disable ci", exitDone, "ci is disabled since ", ""},
		{"targets enable ci", exitDone, "ci is healthy.\n", ""},
		{"targets reset ci -o json", exitDone, "{\n  \"state\": \"healthy\",\n  \"failures\": 0\n}\n", ""},
	} {
		got := bellbuoy(t, server, strings.Fields(c.line)...)
		if got.status != c.status || !strings.HasPrefix(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
			t.Errorf("%s: %+v", c.line, got)
		}
	}
}

func TestConditionText(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later := at.Add(time.Minute)
	for want, c := range map[string]client.Condition{
		"healthy":                           {State: "healthy"},
		"healthy; 2 dead in a row":          {State: "healthy", Failures: 2},
		"healthy; options wrong: a\\nb":     {State: "healthy", Marked: &client.Mark{Since: at, Reason: "a\nb"}},
		"paused until 2026-03-01T12:01:00Z": {State: "paused", Until: &later},
		"failing since 2026-03-01T12:00:00Z, next probe 2026-03-01T12:01:00Z: refused": {
			State: "failing", Since: &at, Until: &later, Reason: "refused", Marked: &client.Mark{Since: at, Reason: "refused"}},
		"gone": {State: "gone"},
		"gone; disabled since 2026-03-01T12:00:00Z: it is gone":  {State: "gone", Since: &at, Reason: "it is gone"},
		"disabled since 2026-03-01T12:00:00Z: disabled by alice": {State: "disabled", Since: &at, Reason: "disabled by alice"},
	} {
		if got := conditionText(c); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestUnverifiedAddressesAreShown(t *testing.T) {
	got := unverifiedText([]client.Unverified{{Address: "o***@example.com", Mails: 1}, {Address: "a***@example.com", Error: "no room\x1b[2J"}, {Address: "b***@x"}})
	want := `; o***@example.com is not verified: a link was mailed; a***@example.com is not verified, and no link could be mailed: no room\x1b[2J; b***@x is not verified`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
