package intake

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkHandler takes in captured pushes, each with an id of its own, on a real
// store: all that a request costs but for the network.
func BenchmarkHandler(b *testing.B) {
	for _, producers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("producers=%d", producers*2), func(b *testing.B) {
			h := newHandler(b, openStore(b, temp(b)), plan(b, rule("all", []string{"artifact.pushed"}, "ci")))
			template := captured(b)
			id := template[strings.Index(template, `"id": "`)+7:][:36]
			var n atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(producers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					body := strings.Replace(template, id, fmt.Sprintf("%036d", n.Add(1)), 1)
					w := httptest.NewRecorder()
					if h.ServeHTTP(w, request(body)); w.Code != http.StatusAccepted {
						b.Fatalf("status %d: %s", w.Code, w.Body)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkArrival is the part before the store: read, translate, route, encode.
func BenchmarkArrival(b *testing.B) {
	h := newHandler(b, openStore(b, temp(b)), plan(b, rule("all", []string{"artifact.pushed"}, "ci")))
	body := []byte(captured(b))
	r := request("")
	p := h.plan.Load()
	b.ReportAllocs()
	for b.Loop() {
		if a := h.arrival(r, p, "hub", p.Registries["hub"], bytes.Clone(body)); len(a.Items) != 1 {
			b.Fatalf("%d items, quarantine %q", len(a.Items), a.Quarantine)
		}
	}
}
