package console

import (
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// registriesData is the page of registries.
type registriesData struct {
	Registries []client.Registry
	Day        map[string]day // by registry
	Connect    []Connection
}

// day is what came from a registry in the last day.
type day struct{ Stored, Counted, Unreadable int }

func (s *console) registries(r *http.Request) (page, error) {
	d := registriesData{Day: map[string]day{}, Connect: s.Connect(r.Host)}
	var err error
	if d.Registries, err = s.api.Registries(r.Context()); err != nil {
		return page{}, err
	}
	stats, err := s.api.Stats(r.Context(), "24h")
	for _, e := range stats.Events {
		of := d.Day[e.Registry]
		switch e.What {
		case "stored":
			of.Stored += e.Count
		case "counted":
			of.Counted += e.Count
		case "quarantined":
			of.Unreadable += e.Count
		}
		d.Day[e.Registry] = of
	}
	return page{file: "registries", title: "Registries", data: d}, err
}
