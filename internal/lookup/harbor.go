package lookup

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Harbor returns a source that asks Harbor's own API for an artifact. Unlike a read of
// the manifest that raises no pull, which Harbor could not tell from anyone's: it does
// not say who pulls with what.
func Harbor(o Options) (*Source, error) {
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	client := newClient(o.Guard)
	// Credentials go with every request, so that none may be sent elsewhere.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return newSource(o, client, func(ctx context.Context, repository string, d digest.Digest) ([]byte, error) {
		body, err := harborArtifact(ctx, client, o, base, repository, d)
		if err != nil {
			return nil, fmt.Errorf("ask Harbor for %s@%s: %w", repository, d, err)
		}
		return body, nil
	}), nil
}

func harborArtifact(ctx context.Context, client *http.Client, o Options, base *url.URL, repository string, d digest.Digest) ([]byte, error) {
	project, name, ok := strings.Cut(repository, "/")
	if !ok {
		return nil, fmt.Errorf("it is in no project: %w", errFinal)
	}
	// A slash within the name is escaped twice: Harbor's router unescapes it once.
	path := fmt.Sprintf("%s://%s/api/v2.0/projects/%s/repositories/%s/artifacts/%s?with_accessory=true",
		base.Scheme, base.Host, project, strings.ReplaceAll(name, "/", "%252F"), d)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", o.userAgent())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-Is-Resource-Name", "true") // or a project that is named with digits is taken for an id
	if o.Username != "" {
		req.SetBasicAuth(o.Username, o.Password)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refused(res.StatusCode)
	}
	return limited(res.Body)
}
