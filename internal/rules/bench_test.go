package rules

import (
	"fmt"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
)

// manyRules are n rules for one type of event, of the kinds that people write, of
// which few match a push to team-7/app-7/api.
func manyRules(n int) []config.Rule {
	list := make([]config.Rule, n)
	for i := range list {
		r := config.Rule{
			Name:    fmt.Sprintf("rule-%d", i),
			Enabled: true,
			Events:  []string{"artifact.pushed"},
			Deliver: []config.Deliver{{Target: fmt.Sprintf("target-%d", i)}},
		}
		switch i % 4 {
		case 0:
			r.Scope.Repositories = []string{fmt.Sprintf("team-%d/app-%d/api", i, i)}
		case 1:
			r.Scope.Repositories = []string{fmt.Sprintf("team-%d/{api, web}/**", i), "!**/tmp/**"}
		case 2:
			r.Scope.Namespaces = []string{fmt.Sprintf("team-%d", i)}
			r.Tag = &config.Tag{Names: config.Names{Regex: "release-v.*"}}
		case 3:
			r.Scope.Repositories = []string{"**/api"}
			r.Tag = &config.Tag{Names: config.Names{Regex: fmt.Sprintf("release-%d-.*", i)}}
		}
		list[i] = r
	}
	return list
}

func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			s := mustCompile(b, manyRules(n)...)
			e := pushed("hub", "team-7/app-7/api", "release-7-rc1", "latest")
			b.ReportAllocs()
			for b.Loop() {
				s.Route(e)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	list := manyRules(10_000)
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, list...)
	}
}
