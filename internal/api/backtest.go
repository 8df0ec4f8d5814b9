package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/backtest"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

const (
	// maxRuleSet is how large the rules of a back-test may be: many times what ten
	// thousand of them take.
	maxRuleSet = 32 << 20
	// ruleSetTime is how long they may take to arrive.
	ruleSetTime = 30 * time.Second
	// progressEvery is how often a back-test tells how far it is.
	progressEvery = 200 * time.Millisecond
	// lineTime is how long the caller may take to read one line.
	lineTime = 30 * time.Second
)

// backtestLine is one line of the answer: one of these.
type backtestLine struct {
	Progress *progress        `json:"progress,omitempty"`
	Result   *backtest.Result `json:"result,omitempty"`
	Error    *problem         `json:"error,omitempty"`
}

// progress says how many events were looked at, of about how many.
type progress struct {
	Events int `json:"events"`
	Of     int `json:"of"`
}

func (s *server) backtestOps() {
	r := s.doc.Components.Schemas
	stream(s, op{
		route: "POST /api/v1/backtest", role: access.Editor, noun: "rules", reads: true,
		summary: "Say what other rules would make of stored events",
		detail: "It answers with lines of JSON: how far it is, now and then, and at last the result, or what went wrong. " +
			"It ends with the caller. It takes all processors, so that there is one at a time.",
	}, huma.Operation{
		Parameters: []*huma.Param{{
			Name: "since", In: "query", Description: "Of the events: a time, or a duration back from now; all where nothing is said.",
			Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{"24h"}},
		}},
		RequestBody: &huma.RequestBody{
			Required: true, Description: "The rules, as `bellbuoy backtest` sends them. They may have 32 MiB.",
			Content: map[string]*huma.MediaType{"application/json": {Schema: r.Schema(reflect.TypeFor[ruleSource](), true, "")}},
		},
		Responses: map[string]*huma.Response{"200": {
			Description: "Each line is one of these.",
			Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: r.Schema(reflect.TypeFor[backtestLine](), true, "")}},
		}},
	}, s.backtest)
}

// backtest judges stored events by the rules in force and by those in the body, the
// source of a rule set, and answers with lines of JSON: how far it is, now and then,
// and at last the result, or what went wrong. It ends with the caller. It takes all
// processors, so there is one at a time.
func (s *server) backtest(w http.ResponseWriter, r *http.Request) {
	since, err := readTime(r.URL.Query().Get("since"), s.now())
	if err != nil {
		fail(w, http.StatusBadRequest, "since: %v", err)
		return
	}
	// A page of another site can post a form without asking, but no JSON.
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "the body is to be application/json: a rule set as `bellbuoy backtest` sends it")
		return
	}
	if !s.testing.CompareAndSwap(false, true) {
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "another back-test runs, and each takes all processors: try again when it has ended")
		return
	}
	end := sync.OnceFunc(func() { s.testing.Store(false) })
	defer end()
	after, ok := readRules(w, r)
	if !ok {
		return
	}
	lines := lineWriter{w: w, control: http.NewResponseController(w)}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var at atomic.Pointer[progress]
	told := make(chan struct{})
	go func() {
		defer close(told)
		lines.progress(ctx, cancel, &at)
	}()
	result, err := backtest.Run(ctx, backtest.Test{
		Before: s.Rules(), After: after, HasTarget: s.hasTarget,
		Events: func(ctx context.Context, page func([]json.RawMessage, int) error) error {
			return s.Store.Scan(ctx, since, func(p store.Scanned) error {
				at.Store(&progress{p.Read, p.Of})
				return page(p.Events, p.Held)
			})
		},
	})
	cancel()
	<-told
	end() // before the result is told: who has it may ask again at once
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	if err != nil {
		status := http.StatusBadRequest
		if !errors.Is(err, backtest.ErrRules) {
			status = http.StatusInternalServerError
			s.Log.ErrorContext(r.Context(), "back-test failed", "error", err)
		}
		_ = lines.write(backtestLine{Error: problemf(status, "%v", err)}) // an error here is a caller that went away
		return
	}
	_ = lines.write(backtestLine{Result: &result}) // as above
}

// hasTarget reports whether the configuration in use has a target of that name.
func (s *server) hasTarget(name string) bool {
	return slices.ContainsFunc(s.Running().Targets, func(t Target) bool { return t.Name == name })
}

// readRules reads the rule set in the body of r, or answers why it cannot.
func readRules(w http.ResponseWriter, r *http.Request) (*rules.Set, bool) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(ruleSetTime)) // not all writers have one
	source, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRuleSet))
	_ = control.SetReadDeadline(time.Time{})
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		fail(w, http.StatusRequestEntityTooLarge, "the rule set is larger than %d MiB", tooLarge.Limit>>20)
		return nil, false
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "the rule set did not arrive whole: %v", err)
		return nil, false
	}
	set, err := rules.FromSource(source)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v: send what this version's `bellbuoy backtest` does", err)
		return nil, false
	}
	return set, true
}

// lineWriter answers with JSON, a line at a time.
type lineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// progress tells how far it is until ctx ends, and ends what is done where nobody reads
// that.
func (l lineWriter) progress(ctx context.Context, giveUp func(), at *atomic.Pointer[progress]) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p := at.Load()
		if p == nil {
			continue
		}
		if err := l.write(backtestLine{Progress: p}); err != nil {
			giveUp()
			return
		}
	}
}

func (l lineWriter) write(line backtestLine) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	l.w.Header().Set("Content-Type", "application/x-ndjson")
	_ = l.control.SetWriteDeadline(time.Now().Add(lineTime)) // not all writers have one
	if _, err := l.w.Write(append(b, '\n')); err != nil {
		return err
	}
	return l.control.Flush()
}
