// Package poster posts notifications as a Distribution registry does, but as many
// and as fast as a test wants.
package poster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/manifest/schema2"
	"github.com/distribution/distribution/v3/notifications"
	"github.com/opencontainers/go-digest"
)

// Envelope is the body of a notification of a push to repository:tag, byte for byte
// as a registry of version 3 writes it, of about 1.2 KB. The native id of the event
// is id.
func Envelope(id, repository, tag string, at time.Time) ([]byte, error) {
	d := digest.NewDigestFromBytes(digest.SHA256, hash(id))
	const host = "registry.example.internal:5000"
	e := notifications.Event{ID: id, Timestamp: at, Action: notifications.EventActionPush}
	e.Target.Descriptor = distribution.Descriptor{MediaType: schema2.MediaTypeManifest, Digest: d, Size: 1573}
	e.Target.Length = e.Target.Size
	e.Target.Repository = repository
	e.Target.URL = "http://" + host + "/v2/" + repository + "/manifests/" + d.String()
	e.Target.Tag = tag
	e.Request = notifications.RequestRecord{
		ID:        "0197a1fb-4531-771c-8b6f-69bcbdc8ba24",
		Addr:      "10.20.30.40:46632",
		Host:      host,
		Method:    http.MethodPut,
		UserAgent: "docker/28.5.1 go/go1.24.8 git-commit/f8215cc kernel/6.12.43 os/linux arch/amd64 UpstreamClient(Docker-Client/28.5.1 \\(linux\\))",
	}
	e.Actor.Name = "builder"
	e.Source = notifications.SourceRecord{Addr: "registry-0:5000", InstanceID: "0197a1fb-44d6-74e9-aae9-91405d00c5ad"}
	e.Target.References = []distribution.Descriptor{
		{MediaType: schema2.MediaTypeImageConfig, Digest: d, Size: 2297},
		{MediaType: schema2.MediaTypeLayer, Digest: d, Size: 29126235},
	}
	envelope := struct {
		Events []notifications.Event `json:"events"`
	}{[]notifications.Event{e}}
	body, err := json.MarshalIndent(envelope, "", "   ")
	if err != nil {
		return nil, fmt.Errorf("make an envelope: %w", err)
	}
	return body, nil
}

func hash(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// Poster posts to one intake.
type Poster struct {
	URL    string
	Bearer string
	Client *http.Client
}

// Post posts body once and returns the answer's status.
func (p *Poster) Post(ctx context.Context, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("post an envelope: %w", err)
	}
	req.Header.Set("Content-Type", notifications.EventsMediaType)
	req.Header.Set("Authorization", "Bearer "+p.Bearer)
	res, err := p.Client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post an envelope: %w", err)
	}
	defer res.Body.Close()
	// A reply that breaks off is no answer: a registry would post again.
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, fmt.Errorf("read the answer to an envelope: %w", err)
	}
	return res.StatusCode, nil
}

// Insist posts body until it is answered 202, as a registry does until its end:
// no failure and no other answer makes it go on to the next event. It fails only
// when ctx ends.
func (p *Poster) Insist(ctx context.Context, body []byte) error {
	const pause = 5 * time.Millisecond
	for {
		status, err := p.Post(ctx, body)
		if err == nil && status == http.StatusAccepted {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("post an envelope until it is accepted (last status %d, last error %w): %w", status, err, ctx.Err())
		case <-time.After(pause):
		}
	}
}
