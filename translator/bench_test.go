package translator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/notifications"
)

// BenchmarkDistribution shows what it costs to read and translate one event, beside what
// it costs encoding/json to decode the same bytes into the registry's own envelope, which
// leaves the event a map: the metric x-decode is how many times that. It is to be 3 at
// most.
func BenchmarkDistribution(b *testing.B) {
	g := typeNamed("distribution")
	for _, captured := range []struct {
		name, file string
		line       int
		references int // how many the event is stretched to; as they are if 0
	}{
		{"blob", "crane-push-image", 0, 0},
		{"image", "crane-push-image", 1, 0},
		{"image-of-100-layers", "crane-push-image", 1, 101},
		{"index", "buildx-style-attestation-index", 7, 0},
		{"delete", "crane-delete-tag", 0, 0},
	} {
		body := registryBody(b, captured.file, captured.line, captured.references)
		var decode float64
		b.Run(captured.name+"/decode", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var e notifications.Envelope
				if err := json.Unmarshal(body, &e); err != nil || len(e.Events) != 1 {
					b.Fatalf("%d events, %v", len(e.Events), err)
				}
			}
			decode = b.Elapsed().Seconds() / float64(b.N)
		})
		b.Run(captured.name+"/translate", func(b *testing.B) {
			r := post("")
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if events, err := g.read(r, body); err != nil || len(events) != 1 {
					b.Fatalf("%d events, %v", len(events), err)
				}
			}
			if decode > 0 {
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/decode, "x-decode")
			}
		})
	}
}

// registryBody returns a body of testdata indented as the registry does, with as many
// references as wanted.
func registryBody(b *testing.B, file string, line, references int) []byte {
	b.Helper()
	var e struct {
		Events []notifications.Event `json:"events"`
	}
	lines := slices.Collect(strings.Lines(read(b, "testdata/distribution/"+file+".jsonl")))
	if err := json.Unmarshal([]byte(lines[line]), &e); err != nil {
		b.Fatal(err)
	}
	refs := &e.Events[0].Target.References
	for len(*refs) < references {
		*refs = append(*refs, (*refs)[len(*refs)-1])
	}
	body, err := json.MarshalIndent(e, "", "   ")
	if err != nil {
		b.Fatal(err)
	}
	return body
}
