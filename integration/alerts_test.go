package integration_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

var metricOfPage = regexp.MustCompile("(?m)^\\| `(bellbuoy_[a-z_]+)` \\| ([^|]*)\\|")

// The alerts can be read by Prometheus, and ask for nothing but metrics and labels that
// the page for operators names. That page is compared with the code elsewhere.
func TestAlertRules(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{} // labels by metric
	for _, m := range metricOfPage.FindAllStringSubmatch(string(page), -1) {
		known[m[1]] = m[2]
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	load(t, "../examples/prometheus-rules.yml", &file)
	seen := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] || r.Annotations["summary"] == "" || !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) {
				t.Errorf("%q is not named, named twice, says nothing or for nobody", r.Alert)
			}
			seen[r.Alert] = true
			if d, err := time.ParseDuration(r.For); r.For != "" && (err != nil || d <= 0) {
				t.Errorf("%s: for %q", r.Alert, r.For)
			}
			expr, err := parser.ParseExpr(r.Expr)
			if err != nil {
				t.Errorf("%s: %v", r.Alert, err)
				continue
			}
			asked := 0
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				if v, ok := n.(*parser.VectorSelector); ok {
					asked++
					wantKnown(t, r.Alert, v, known)
				}
				return nil
			})
			if asked == 0 {
				t.Errorf("%s asks for no metric", r.Alert)
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d alerts", len(seen))
	}
}

func wantKnown(t *testing.T, alert string, v *parser.VectorSelector, known map[string]string) {
	t.Helper()
	name := v.Name
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, suffix)
	}
	has, ok := known[name]
	if !ok {
		t.Errorf("%s: there is no metric %s", alert, v.Name)
	}
	for _, m := range v.LabelMatchers {
		if m.Name != "__name__" && !strings.Contains(has, "`"+m.Name+"`") {
			t.Errorf("%s: %s has no label %s", alert, v.Name, m.Name)
		}
	}
}
