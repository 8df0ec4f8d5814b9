package adapters_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/acr"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/adapters/tcr"
)

// A body of next to nothing, very often, does not become a gigabyte of events.
func TestSmallBodiesDoNotFillTheDisk(t *testing.T) {
	many := func(one string) string { return "[" + strings.Repeat(one+",", 20_000) + one + "]" }
	event := `{"specversion":"1.0"}`
	resources := `{"type":"pushImage","event_data":{"resources":` + many("{}") + `}}`
	tests := map[string]struct {
		adapter adapters.Adapter
		body    string
	}{
		"acr":                  {acr.Adapter{}, many(event)},
		"cloudevents":          {cloudevents.Adapter{}, many(event)},
		"distribution":         {distribution.Adapter{}, `{"events":` + many("{}") + `}`},
		"harbor":               {harbor.Adapter{}, resources},
		"harbor's CloudEvents": {harbor.Adapter{}, many(event)},
		"tcr":                  {tcr.Adapter{}, resources},
	}
	for name, tt := range tests {
		got, err := tt.adapter.Read(httptest.NewRequest(http.MethodPost, "/in/hub", nil), []byte(tt.body))
		if err == nil || !strings.Contains(err.Error(), " in one body, want at most 16") {
			t.Errorf("%s: %d notifications, %v, want too many", name, len(got), err)
		}
	}
}
