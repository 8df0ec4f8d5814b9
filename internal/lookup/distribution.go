package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

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
	client := newClient()
	as := &auth.Client{Client: client, Cache: auth.NewCache()}
	as.SetUserAgent(o.userAgent())
	if o.Username != "" {
		as.Credential = auth.StaticCredential(base.Host, auth.Credential{Username: o.Username, Password: o.Password})
	}
	return newSource(o, client, func(ctx context.Context, repository string, d digest.Digest) ([]byte, error) {
		repo, err := remote.NewRepository(base.Host + "/" + repository)
		if err != nil {
			return nil, fmt.Errorf("name the repository: %w: %w", err, errFinal)
		}
		repo.Client, repo.PlainHTTP = as, base.Scheme == "http"
		body, err := manifest(ctx, repo, d)
		if err != nil {
			return nil, fmt.Errorf("read manifest %s@%s: %w", repository, d, err)
		}
		return body, nil
	}), nil
}

func manifest(ctx context.Context, repo *remote.Repository, d digest.Digest) ([]byte, error) {
	_, rc, err := repo.Manifests().FetchReference(ctx, d.String())
	if err != nil {
		return nil, judged(err)
	}
	defer rc.Close()
	body, err := limited(rc)
	if err != nil {
		return nil, err
	}
	if got := d.Algorithm().FromBytes(body); got != d {
		return nil, fmt.Errorf("what the registry sent has another digest: %s: %w", got, errFinal)
	}
	return body, nil
}

// judged says whether err may go away.
func judged(err error) error {
	if errors.Is(err, errdef.ErrNotFound) {
		return errAbsent
	}
	if r, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return refused(r.StatusCode) // its text has what the registry wrote, which may be anything
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
