package app

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"time"
)

// heard is when registries last posted what was taken.
type heard struct {
	mu sync.Mutex
	at map[string]time.Time
}

// begin takes over what is known of earlier lives.
func (h *heard) begin(ctx context.Context, ask func(context.Context) (map[string]time.Time, error)) (err error) {
	h.at, err = ask(ctx)
	return err
}

// watch notes a request of registry, which was answered with status, and tells others.
func (h *heard) watch(others func(registry string, status int, took time.Duration)) func(string, int, time.Duration) {
	return func(registry string, status int, took time.Duration) {
		if status == http.StatusAccepted {
			h.mu.Lock()
			h.at[registry] = time.Now().UTC()
			h.mu.Unlock()
		}
		others(registry, status, took)
	}
}

func (h *heard) all() map[string]time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.at)
}
