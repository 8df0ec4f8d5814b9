package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// manifestTypes is what a registry may answer with. One that is not named may be refused
// or, worse, converted.
const manifestTypes = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
	"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, " +
	"application/vnd.oci.artifact.manifest.v1+json"

// Distribution returns a source that reads manifests through the API that registries
// have in common. The registry notifies of each such read as a pull: see [Own].
//
// Where the registry names a token service on another host, credentials are sent there,
// but to no private address.
func Distribution(o Options) (*Source, error) {
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	client := newClient(o.Guard)
	as := &auth.Client{Client: client, Cache: auth.NewCache(), ClientID: "bellbuoy"}
	as.SetUserAgent(o.userAgent())
	if o.Username != "" {
		as.Credential = auth.StaticCredential(base.Host, auth.Credential{Username: o.Username, Password: o.Password})
	}
	return newSource(o, client, func(ctx context.Context, repository string, d digest.Digest) ([]byte, error) {
		body, err := manifest(ctx, as, base, repository, d)
		if err != nil {
			return nil, fmt.Errorf("read manifest %s@%s: %w", repository, d, err)
		}
		return body, nil
	}), nil
}

func manifest(ctx context.Context, as *auth.Client, base *url.URL, repository string, d digest.Digest) ([]byte, error) {
	ctx = auth.AppendRepositoryScope(ctx, registry.Reference{Registry: base.Host, Repository: repository}, auth.ActionPull)
	u := url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/v2/" + repository + "/manifests/" + d.String()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", manifestTypes)
	res, err := as.Do(req)
	if err != nil {
		return nil, judged(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refused(res.StatusCode)
	}
	body, err := limited(res.Body)
	if err != nil {
		return nil, err
	}
	if got := d.Algorithm().FromBytes(body); got != d {
		return nil, fmt.Errorf("what the registry sent has another digest, %s: %w", got, errFinal)
	}
	return body, nil
}

// judged says whether an error of authentication may go away. Its text may have what
// the token service wrote, which may be anything.
func judged(err error) error {
	if r, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return fmt.Errorf("get a token: %w", refused(r.StatusCode))
	}
	if errors.Is(err, auth.ErrBasicCredentialNotFound) {
		return fmt.Errorf("the registry wants credentials: add them: %w", errFinal)
	}
	return err
}

// limited reads all of an answer that is not too large.
func limited(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("the answer is larger than %d MiB: %w", maxAnswer>>20, errFinal)
	}
	return body, nil
}
