package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

func TestTargetTypes(t *testing.T) {
	const options = `{"type":"object","properties":{"url":{"type":"string"}}}`
	h := keeps(t, New(Config{
		Log: slog.New(slog.DiscardHandler), Ready: func() error { return nil }, Running: func() Running { return Running{} },
		TargetTypes: func() []string { return []string{"matrix", "webhook"} },
		TargetType: func(_ context.Context, typ string) (TargetType, bool, error) {
			switch typ {
			case "webhook":
				return TargetType{Type: typ, Version: "1", Options: json.RawMessage(options), Rate: "0", Order: "repository", Concurrency: 16}, true, nil
			case "matrix":
				return TargetType{}, true, errors.New("it was killed")
			}
			return TargetType{}, false, nil
		},
	}))
	for path, c := range map[string]struct {
		status int
		says   string
	}{
		"":         {200, `["matrix","webhook"]`},
		"/webhook": {200, options},
		"/matrix":  {503, "the sender of type matrix does not answer: it was killed"},
		"/exec":    {404, `there are no targets of type \"exec\"`},
	} {
		w := asks(h, access.Identity{Role: access.Viewer}, http.MethodGet, "http://127.0.0.1/api/v1/target-types"+path, "", local)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
}

// local is a request from this machine.
func local(r *http.Request) { r.RemoteAddr = "127.0.0.1:40000" }
