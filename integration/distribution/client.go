package distribution

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Push pushes a new image of two layers to repository:tag and returns its digest.
func (r *Registry) Push(ctx context.Context, repository, tag string) (digest string, err error) {
	ref, err := r.reference(repository, ":", tag)
	if err != nil {
		return "", err
	}
	img, err := random.Image(2048, 2)
	if err != nil {
		return "", fmt.Errorf("make an image: %w", err)
	}
	if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	hash, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", ref, err)
	}
	return hash.String(), nil
}

// Tag gives the manifest with digest one more tag, as a client does: it puts the
// same manifest again.
func (r *Registry) Tag(ctx context.Context, repository, digest, tag string) error {
	ref, err := r.reference(repository, "@", digest)
	if err != nil {
		return err
	}
	desc, err := remote.Get(ref, remote.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("read %s: %w", ref, err)
	}
	if err := remote.Tag(ref.Context().Tag(tag), desc, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("tag %s as %s: %w", ref, tag, err)
	}
	return nil
}

// Pull pulls repository:tag with all of its layers.
func (r *Registry) Pull(ctx context.Context, repository, tag string) error {
	ref, err := r.reference(repository, ":", tag)
	if err != nil {
		return err
	}
	img, err := remote.Image(ref, remote.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	layers, err := img.Layers()
	if err != nil {
		return fmt.Errorf("pull the layers of %s: %w", ref, err)
	}
	for _, l := range layers {
		if err := drain(l); err != nil {
			return fmt.Errorf("pull a layer of %s: %w", ref, err)
		}
	}
	return nil
}

func drain(l v1.Layer) error {
	rc, err := l.Compressed()
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}

// DeleteDigest deletes a manifest by its digest; the tags that point to it go too.
func (r *Registry) DeleteDigest(ctx context.Context, repository, digest string) error {
	return r.delete(ctx, repository, "@", digest)
}

// DeleteTag deletes a tag; its manifest stays.
func (r *Registry) DeleteTag(ctx context.Context, repository, tag string) error {
	return r.delete(ctx, repository, ":", tag)
}

func (r *Registry) delete(ctx context.Context, repository, sep, what string) error {
	ref, err := r.reference(repository, sep, what)
	if err != nil {
		return err
	}
	if err := remote.Delete(ref, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("delete %s: %w", ref, err)
	}
	return nil
}

// MaxManifest is the size of the largest manifest that Distribution takes.
const MaxManifest = 4 << 20

// PushLarge pushes a manifest to repository:tag that is as large as the registry
// allows, by naming one small layer very often, and returns its digest. Its
// notification, which repeats every layer, is larger still.
func (r *Registry) PushLarge(ctx context.Context, repository, tag string) (digest string, err error) {
	ref, err := r.reference(repository, ":", tag)
	if err != nil {
		return "", err
	}
	config, err := r.putBlob(ctx, ref, []byte("{}"), types.OCIConfigJSON)
	if err != nil {
		return "", err
	}
	layer, err := r.putBlob(ctx, ref, []byte("a layer"), types.OCILayer)
	if err != nil {
		return "", err
	}
	m := manifest{mediaType: types.OCIManifestSchema1}
	if m.raw, err = largeManifest(config, layer); err != nil {
		return "", err
	}
	if err := remote.Put(ref, m, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	hash, _, err := v1.SHA256(bytes.NewReader(m.raw))
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", ref, err)
	}
	return hash.String(), nil
}

// PushManifest pushes an OCI manifest with a config and a layer of these types to
// repository by its digest, as clients push what they attach, and returns its digest.
// more is further JSON of the manifest, from a comma on.
func (r *Registry) PushManifest(ctx context.Context, repository, config, layer, more string) (digest string, err error) {
	ref, err := r.reference(repository, ":", "none") // for where the blobs go
	if err != nil {
		return "", err
	}
	var blobs [2]v1.Descriptor
	for i, mt := range []string{config, layer} {
		if blobs[i], err = r.putBlob(ctx, ref, []byte("{}"), types.MediaType(mt)); err != nil {
			return "", err
		}
	}
	one, err := json.Marshal(blobs[0])
	if err != nil {
		return "", fmt.Errorf("make a manifest: %w", err)
	}
	other, err := json.Marshal(blobs[1])
	if err != nil {
		return "", fmt.Errorf("make a manifest: %w", err)
	}
	m := manifest{mediaType: types.OCIManifestSchema1, raw: fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]%s}`, types.OCIManifestSchema1, one, other, more)}
	hash, _, err := v1.SHA256(bytes.NewReader(m.raw))
	if err != nil {
		return "", fmt.Errorf("digest of a manifest: %w", err)
	}
	if ref, err = r.reference(repository, "@", hash.String()); err != nil {
		return "", err
	}
	if err := remote.Put(ref, m, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	return hash.String(), nil
}

func largeManifest(config, layer v1.Descriptor) ([]byte, error) {
	one, err := json.Marshal(layer)
	if err != nil {
		return nil, fmt.Errorf("make a large manifest: %w", err)
	}
	const rest = 1024 // for all that is not a layer
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        config,
		Layers:        make([]v1.Descriptor, (MaxManifest-rest)/(len(one)+1)),
	}
	for i := range m.Layers {
		m.Layers[i] = layer
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("make a large manifest: %w", err)
	}
	return raw, nil
}

func (r *Registry) putBlob(ctx context.Context, ref name.Reference, b []byte, mt types.MediaType) (v1.Descriptor, error) {
	l := static.NewLayer(b, mt)
	if err := remote.WriteLayer(ref.Context(), l, remote.WithContext(ctx)); err != nil {
		return v1.Descriptor{}, fmt.Errorf("push a blob to %s: %w", ref.Context(), err)
	}
	hash, size, err := v1.SHA256(bytes.NewReader(b))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("digest of a blob: %w", err)
	}
	return v1.Descriptor{MediaType: mt, Digest: hash, Size: size}, nil
}

// manifest is what package remote puts as it is.
type manifest struct {
	raw       []byte
	mediaType types.MediaType
}

func (m manifest) RawManifest() ([]byte, error)        { return m.raw, nil }
func (m manifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }

func (r *Registry) reference(repository, sep, what string) (name.Reference, error) {
	ref, err := name.ParseReference(strings.Join([]string{r.host, "/", repository, sep, what}, ""), name.Insecure)
	if err != nil {
		return nil, fmt.Errorf("name of an image: %w", err)
	}
	return ref, nil
}
