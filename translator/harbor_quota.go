package translator

import (
	"math"
	"regexp"
	"strconv"

	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// The two sentences in which Harbor tells numbers. The percentage is the threshold,
// which is always the same, and not how much is in use.
const byteSize = `(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB|PiB)\b`

var (
	quotaReached  = regexp.MustCompile(`quota usage reach (\d+)%: resource (\S+) used ` + byteSize + ` of ` + byteSize)
	quotaExceeded = regexp.MustCompile(`adding ` + byteSize + ` of (\S+) resource, which when updated to current usage of ` + byteSize + ` will exceed the configured upper limit of ` + byteSize)
)

// harborQuota tells that a project is full, or nearly. Above the threshold each upload
// of a blob says so twice. Only a manifest's names the artifact.
func harborQuota(e event.Event, h *harbor.Event) event.Event {
	prose := h.Data.CustomAttributes.Details
	q := &event.Quota{Message: prose}
	reached, exceeded := quotaReached.FindStringSubmatch(prose), quotaExceeded.FindStringSubmatch(prose)
	switch {
	case reached != nil && exceeded != nil:
		reached, exceeded = nil, nil // which numbers are meant, is not to be told
	case reached != nil:
		q.Threshold = percent(reached[1])
		q.Resource = reached[2]
		q.Used, q.Limit = bytesOf(reached[3], reached[4]), bytesOf(reached[5], reached[6])
		q.Rounded = true
	case exceeded != nil:
		q.Asked = bytesOf(exceeded[1], exceeded[2])
		q.Resource = exceeded[3]
		q.Used, q.Limit = bytesOf(exceeded[4], exceeded[5]), bytesOf(exceeded[6], exceeded[7])
		q.Rounded = true
	}
	e.Quota = q
	if len(h.Data.Resources) == 1 {
		e.Artifact = harborArtifact(&h.Data.Resources[0])
		e.Registry.Host = harborHost(h.Data.Resources[0].ResourceURL, e.Repository.FullName)
	}
	switch {
	case h.Kind == harbor.QuotaExceed, h.Kind == harbor.ProjectQuota && exceeded != nil:
		e.Type = event.QuotaExceeded
	case h.Kind == harbor.QuotaWarning, h.Kind == harbor.ProjectQuota && reached != nil:
		e.Type = event.QuotaWarning
	default:
		return unknown(e, h.Type+": custom_attributes.Details does not tell a warning from a quota that is exceeded")
	}
	return e
}

// bytesOf returns so many of the unit in bytes; nil if that is too many to be true.
func bytesOf(number, unit string) *int64 {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return nil
	}
	for _, u := range []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"} {
		if u == unit {
			break
		}
		n *= 1 << 10
	}
	if n >= 1<<62 {
		return nil
	}
	return new(int64(math.Round(n)))
}

func percent(s string) *float64 {
	p, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	return &p
}
