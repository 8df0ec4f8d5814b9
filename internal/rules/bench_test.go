package rules

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// manyRules is a configuration of n rules and as many targets, of the kinds that
// people write: of whole repositories, trees, namespaces, and of tags anywhere.
func manyRules(n int) []byte {
	var text strings.Builder
	text.WriteString("registries: [{name: hub, type: distribution}]\ntargets:\n")
	for i := range n {
		fmt.Fprintf(&text, "  - {name: target-%d, type: webhook, options: {url: \"https://example.com/%d\"}}\n", i, i)
	}
	text.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&text, "  - name: rule-%d\n    deliver: [target-%d]\n", i, i)
		switch i % 8 {
		case 0, 1:
			fmt.Fprintf(&text, "    events: [artifact.pushed, \"build.*\"]\n    scope: {repositories: [team-%d/app-%d/api]}\n", i%1000, i)
		case 2, 3:
			fmt.Fprintf(&text, "    scope: {repositories: [\"team-%d/{api, web}/**\", \"!**/tmp/**\"]}\n    tag: {glob: \"%d.*\", except: {list: [latest]}}\n", i%1000, i%10)
		case 4, 5:
			fmt.Fprintf(&text, "    scope: {registries: [hub], namespaces: [team-%d], repositories: [\"api*\"]}\n    tag: {regex: \"release-v%d.*\"}\n    kinds: [image, index]\n", i%1000, i)
		case 6:
			fmt.Fprintf(&text, "    scope: {repositories: [\"**/api\"]}\n    tag: {regex: \"release-%d-.*\"}\n    actors: {except: [\"robot$*\"]}\n", i)
		case 7:
			fmt.Fprintf(&text, "    scope: {namespaces: [team-%d]}\n    where: event.artifact.size > %d\n    noise: quiet\n", i%1000, i)
		}
	}
	return []byte(text.String())
}

// load reads a configuration as the program does when it starts.
func load(b *testing.B, text []byte) (*config.Config, *Set) {
	b.Helper()
	c, faults := config.Parse("bellbuoy.yml", text, config.Known{RegistryTypes: []string{"distribution"}, TargetTypes: []string{"webhook"}, EventTypes: stringsOf(event.Types())})
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	set, faults := FromConfig(c)
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	return c, set
}

// BenchmarkRoute matches events about different repositories. Of the times of one
// event each it shows the 99th percentile.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			_, set := load(b, manyRules(n))
			events := make([]*event.Event, 1000)
			for i := range events {
				e := pushed("hub", fmt.Sprintf("team-%d/%s", i, []string{"api", "web/app", fmt.Sprintf("app-%d/api", i)}[i%3]), "release-6-rc1", fmt.Sprintf("%d.1", i%10))
				e.Artifact.Kind, e.Artifact.Size, e.Actor = event.KindImage, 5000, &event.Actor{Name: "alice"}
				events[i] = e
			}
			var took []time.Duration
			var matches, i int
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				matches += len(set.Route(events[i%len(events)]))
				took = append(took, time.Since(start))
				i++
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100])/float64(time.Millisecond), "p99-ms")
			b.ReportMetric(float64(matches)/float64(i), "matches/op")
		})
	}
}

// BenchmarkLoad reads and compiles 10 000 rules and as many targets, and shows what
// the set and the configuration keep of the memory, and what was asked for at most.
func BenchmarkLoad(b *testing.B) {
	text := manyRules(10_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var c *config.Config
	var set *Set
	for b.Loop() {
		c, set = load(b, text)
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Sys)/(1<<20), "MiB-of-process")
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MiB-kept")
	runtime.KeepAlive(c)
	runtime.KeepAlive(set)
}

// BenchmarkExplain computes every rule's verdict again, as a question after one event
// does.
func BenchmarkExplain(b *testing.B) {
	_, set := load(b, manyRules(10_000))
	e := pushed("hub", "team-7/api", "latest")
	for b.Loop() {
		set.Explain(e)
	}
}
