package access

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Refusal is why a request is not served. It never says which part of what was shown was
// wrong.
type Refusal struct {
	Status int
	Detail string        // what to do
	Retry  time.Duration // of 429 and 503: when to ask again
}

func (r *Refusal) Error() string { return r.Detail }

// Header has what HTTP wants beside the status.
func (r *Refusal) Header() http.Header {
	h := http.Header{}
	if r.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if r.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.Retry+time.Second-1)/time.Second)))
	}
	return h
}

func forbidden(detail string) *Refusal { return &Refusal{Status: http.StatusForbidden, Detail: detail} }

// unknown is the answer to whoever is nobody.
func unknown() *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Detail: "this needs a token or a login that is good: show a token as Authorization: Bearer TOKEN (the command takes it with --token-file or from BELLBUOY_TOKEN), or log in at /login"}
}

func tooMany(retry time.Duration) *Refusal {
	return &Refusal{Status: http.StatusTooManyRequests, Detail: "too many attempts from this address have failed: wait, then try again with the right ones", Retry: retry}
}

// unavailable logs that the store failed, and says no more than that to whoever asks.
func (g *Guard) unavailable(ctx context.Context, way string, err error) *Refusal {
	if ctx.Err() == nil {
		g.watch(way, "unavailable")
		g.log.ErrorContext(ctx, "it cannot be looked up who asks the admin listener", "way", way, "error", err)
	}
	return &Refusal{Status: http.StatusServiceUnavailable, Detail: "it cannot be looked up now who asks: try again", Retry: 5 * time.Second}
}
