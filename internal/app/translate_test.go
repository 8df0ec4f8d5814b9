package app

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// panics is an adapter that fails on every body.
type panics struct{}

func (panics) Read(*http.Request, []byte) ([]adapters.Notification, error) { panic("no such index") }

// A fault in a reader or a translator is told as it is of a running bellbuoy, which puts
// the body into quarantine.
func TestTranslateSurvivesAPanic(t *testing.T) {
	types := registryTypes()
	reader, translates := types["quay"], types["quay"]
	reader.adapter = panics{}
	translates.translate = func(translator.Source, adapters.Notification) []event.Event { panic("no such index") }
	for name, typ := range map[string]registryType{"reader": reader, "translator": translates} {
		r := Request{RegistryType: "quay", Registry: "quay", Header: http.Header{}, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(`{"repository":"a/b","updated_tags":["v1"]}`)), nil
		}}
		got, err := r.translate(t.Context(), typ)
		if !errors.Is(err, ErrUnreadable) || !strings.HasSuffix(err.Error(), "bellbuoy failed to read it, please report this: no such index") || got != nil {
			t.Errorf("%s: translate() = %v, %v, want that bellbuoy failed", name, got, err)
		}
	}
}
