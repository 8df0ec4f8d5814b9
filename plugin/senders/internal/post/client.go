package post

import (
	"context"
	"io"
	"net/http"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// HTTP is c for libraries that make requests by themselves: guarded as those of c are,
// without redirects, with replies that end after 64 KiB.
func (c *Client) HTTP(way *Way, e plugin.Egress) *http.Client {
	return &http.Client{
		Transport:     guarded{c, way, egress.Guard{Egress: e}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type guarded struct {
	client *Client
	way    *Way
	guard  egress.Guard
}

// RoundTrip is [http.RoundTripper.RoundTrip].
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(along(r.Context(), g.way, g.guard))
	r.Header.Set("User-Agent", g.client.agent)
	response, err := g.client.roads.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxRead), response.Body}
	return response, nil
}

// Explain says what a request that came to no reply means, as [Client.Send] does. The
// error holds no URL; secrets are the caller's to mask.
func Explain(ctx context.Context, host string, err error) (plugin.Scope, error) {
	return explain(ctx, host, err)
}
