package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func TestAgainWrongUse(t *testing.T) {
	const run = "01900a6e-7a2b-7c3d-8e4f-5a6b7c8d9e0f"
	for line, want := range map[string]string{
		"redeliver":              "say which",
		"redeliver --limit 5":    "say which",
		"redeliver --to ci":      "say which",
		"redeliver a b":          "want one ID",
		"redeliver ..":           "is no ID",
		"redeliver a --limit 0":  "want 1 or more",
		"redeliver --continue x": "this is no run",
		"redeliver --continue " + run + " --target ci": "nothing else with it",
		"redeliver a --continue " + run:                "nothing else with it",
		"replay":                                       "say which",
		"replay x":                                     "one too many",
		"replay --state dead":                          "unknown flag",
		"replay --continue " + run + " --dry-run":      "nothing else with it",
		"test":                "want one NAME",
		"test a b":            "want one NAME",
		"test a --timeout 2h": "want 1s to 1h",
	} {
		got := bellbuoy(t, "http://127.0.0.1:1", strings.Fields(line)...)
		if got.status != exitUsage || !strings.Contains(got.stderr, want) || got.stdout != "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if got := bellbuoy(t, "http://127.0.0.1:1", "redeliver", "x"); got.status != exitFailed || !strings.Contains(got.stderr, "bellbuoy is not running") {
		t.Errorf("%+v", got)
	}
}

// A connection that breaks, and a server that cannot for a moment, are no end: the same
// run is asked for again. What is left out is told.
func TestRedeliverInsists(t *testing.T) {
	var asked atomic.Int32
	var runs []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q client.Again
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(b, &q)
		}
		if err != nil || q.Target != "ci" || q.By == "" {
			t.Errorf("%v: %s", err, b)
		}
		runs = append(runs, q.Run)
		w.Header().Set("Content-Type", "application/json")
		switch asked.Add(1) {
		case 1, 4: // the answer is lost
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"detail":"the store is full"}`)
		case 3:
			_, _ = io.WriteString(w, `{"run":"`+q.Run+`","done":100}`)
		default:
			_, _ = io.WriteString(w, `{"run":"`+q.Run+`","ended":true,"done":150,"gone":2,"changed":1,"more":true}`)
		}
	}))
	defer srv.Close()
	got := bellbuoy(t, srv.URL, "redeliver", "--target", "ci")
	want := `150 deliveries are made again.
Left out: 2 deliveries, for targets that the config does not name: another can have them, with --to.
Left out: 1 delivery, not as they were chosen any more when their turn came.
There are more deliveries: the same command takes the next ones, and --limit N more of them at once.
`
	if got != (result{exitDone, want, ""}) {
		t.Errorf("%+v", got)
	}
	for _, run := range runs {
		if run == "" || run != runs[0] {
			t.Errorf("the runs %q", runs)
		}
	}
}

// One that is refused half-way says how to go on.
func TestRedeliverCutOff(t *testing.T) {
	first := true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if first {
			first = false
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"run":"01900a6e-7a2b-7c3d-8e4f-5a6b7c8d9e0f","done":100}`)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"detail":"the store failed"}`)
	}))
	defer srv.Close()
	got := bellbuoy(t, srv.URL, "redeliver", "--target", "ci")
	if got.status != exitFailed || !strings.Contains(got.stderr, "the store failed\nSo far 100 are done; `bellbuoy redeliver --continue 01900a6e-7a2b-7c3d-8e4f-5a6b7c8d9e0f` goes on") {
		t.Errorf("%+v", got)
	}
}

func TestNothingToMakeAgain(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"run":"x","ended":true,"done":0}`)
	}))
	defer srv.Close()
	for line, want := range map[string]string{
		"redeliver --target ci":          "nothing was found: no delivery is as the filters say",
		"replay --since 1h":              "nothing was found: no event is as the filters say",
		"replay --since 1h --dry-run":    "nothing was found",
		"redeliver --since 1h -o json":   "nothing was found",
		"redeliver --since 1h --dry-run": "nothing was found",
	} {
		got := bellbuoy(t, srv.URL, strings.Fields(line)...)
		if got.status != exitNothing || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}
