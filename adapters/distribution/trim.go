package distribution

import (
	"slices"

	"github.com/distribution/distribution/v3/notifications"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// MaxReferences is how many references are kept of an event in a large body.
const MaxReferences = 200

// maxString is how long a string may be that is not needed to tell what happened.
const maxString = 1 << 10

// trim drops what makes an event large: the registry repeats the whole of a manifest
// in it, and whoever pushes chooses what that holds. What names the thing that
// happened stays as it is, whatever its length: ids, repository, digest, tag, actor.
func trim(e *notifications.Event) {
	short(&e.Request.UserAgent)
	t := &e.Target
	descriptor(&t.Descriptor)
	if len(t.References) > MaxReferences {
		t.References = slices.Clone(t.References[:MaxReferences])
	}
	for i := range t.References {
		descriptor(&t.References[i])
	}
}

func descriptor(d *v1.Descriptor) {
	d.Annotations, d.URLs, d.Data = nil, nil, nil
	short(&d.MediaType)
	short(&d.ArtifactType)
	if p := d.Platform; p != nil {
		if len(p.OS)+len(p.Architecture)+len(p.Variant) > maxString {
			d.Platform = nil
		}
	}
}

func short(s *string) {
	if len(*s) > maxString {
		*s = ""
	}
}
