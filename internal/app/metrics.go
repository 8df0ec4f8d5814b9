package app

import (
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/metrics"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/host"
)

// metrics serves what m counts, and what the parts say when they are asked.
func (r *running) metrics(m *metrics.Metrics, st *store.Store, senders *host.Host) http.Handler {
	return m.Handler(metrics.Sources{
		Backlog: st.Backlog,
		Files:   st.Files,
		Space:   st.Space, Conditions: st.Conditions,
		Config: func() metrics.Config {
			now := r.now.Load()
			c := metrics.Config{Loaded: now.loaded, Failed: r.failed.Load() != nil}
			for _, reg := range now.config.Registries {
				c.Registries = append(c.Registries, reg.Name)
			}
			for _, t := range now.config.Targets {
				c.Targets = append(c.Targets, t.Name)
			}
			return c
		},
		Senders: func() []metrics.Sender {
			var list []metrics.Sender
			for _, s := range senders.Stats() {
				list = append(list, metrics.Sender{Type: s.Type, Up: s.State == host.Up, Halted: s.State == host.Halted,
					Restarts: s.Restarts, InFlight: s.InFlight, Dropped: s.Dropped, Resident: s.Resident})
			}
			return list
		},
	})
}

// metricsOpen reports whether anybody may read the metrics.
func (r *running) metricsOpen() bool { return r.now.Load().config.Metrics == "open" }
