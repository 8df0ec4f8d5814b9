package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bellbuoy/bellbuoy/"

// arrows says which packages of the module a package may import, by the longest
// path that it starts with. "/..." stands for a path and all below it. The event
// model is everyone's and is not named.
var arrows = map[string][]string{
	"cmd":                  {"internal/app", "internal/client", "plugin", "plugin/serve", "plugin/senders"},
	"internal/app":         {"adapters/...", "translator/...", "config", "internal/...", "plugin/..."},
	"internal/intake":      {"adapters", "translator", "internal/failpoint", "internal/lookup", "internal/render", "internal/rules", "internal/store"},
	"internal/lookup":      {},
	"internal/rules":       {"config"},
	"internal/render":      {"config", "translator/dialect"},
	"internal/fold":        {},
	"internal/store":       {"plugin", "internal/failpoint", "internal/store/..."},
	"internal/failpoint":   {},
	"internal/delivery":    {"internal/failpoint", "internal/store", "internal/render", "plugin"},
	"internal/api":         {"internal/access", "internal/api/...", "internal/objects", "internal/store", "internal/rules", "internal/backtest", "plugin", "plugin/message"},
	"internal/api/quay":    {"internal/access", "internal/objects", "internal/store", "plugin"},
	"internal/access":      {"config", "internal/store"},
	"internal/objects":     {},
	"internal/backtest":    {"config", "internal/rules"},
	"internal/client":      {"plugin"},
	"internal/metrics":     {"internal/store"},
	"internal/connect":     {"config"},
	"internal/console":     {"internal/access", "internal/client", "plugin/message"},
	"internal/schema":      {},
	"adapters":             {"adapters/..."},
	"translator":           {"adapters/...", "translator/..."},
	"config":               {},
	"plugin":               {},
	"plugin/event":         {},
	"plugin/message":       {},
	"plugin/serve":         {"plugin/internal/wire", "plugin"},
	"plugin/plugintest":    {"plugin/...", "plugin"},
	"plugin/host":          {"plugin/internal/wire", "plugin"},
	"plugin/internal/wire": {"plugin"},
	"plugin/senders":       {"plugin/senders/...", "plugin"},
	"plugin/senders/":      {"plugin", "plugin/message", "plugin/senders/internal/..."},
	"cmd/bellbuoy-sender-": {"plugin/serve", "plugin/senders/...", "plugin"},
	// As the host renders, for tests.
	"plugin/senders/internal/binding/bindingtest": {"plugin", "plugin/senders/internal/...", "translator/dialect"},
}

// weights says which packages may import a module from outside that is heavy, or
// whose kind must stay in one place.
var weights = map[string][]string{
	"github.com/hashicorp/go-plugin":        {"plugin/"},
	"google.golang.org/grpc":                {"plugin/"},
	"google.golang.org/protobuf":            {"plugin/"},
	"modernc.org/":                          {"internal/store"},
	"github.com/jackc/":                     {"internal/store"},
	"github.com/pressly/goose":              {"internal/store"},
	"github.com/distribution/distribution":  {"adapters/distribution", "translator"},
	"github.com/hashicorp/go-retryablehttp": {"plugin/senders/internal/post", "internal/connect"},
	"github.com/twmb/":                      {"plugin/senders/kafka"},
	"golang.org/x/oauth2":                   {"plugin/senders/webhook", "internal/access"},
	"github.com/coreos/go-oidc":             {"internal/access"},
	"golang.org/x/crypto":                   {"internal/access"},
	"github.com/danielgtaylor/huma":         {"internal/api"},
	"github.com/nicholas-fedor/":            {"plugin/senders/shoutrrr"},
	"github.com/nats-io/":                   {"plugin/senders/nats"},
	"github.com/rabbitmq/":                  {"plugin/senders/amqp"},
	"oras.land/":                            {"internal/lookup"},
	"github.com/prometheus/":                {"internal/metrics"},
	"github.com/fsnotify/":                  {"internal/app"},
	"gopkg.in/yaml.v3":                      {"config", "internal/connect"},
	"github.com/spf13/cobra":                {"cmd/bellbuoy"},
	"github.com/invopop/jsonschema":         {"internal/schema"},
	"github.com/santhosh-tekuri/jsonschema": {"internal/schema"},
	module + "internal/schema":              {}, // tests only
}

// ground are the packages that import the standard library and each other only,
// since what stands on them is written by others.
var ground = []string{"plugin", "plugin/event", "plugin/message"}

func TestImportArrows(t *testing.T) {
	for name, imports := range packages(t) {
		allowed, ok := allowedFor(name)
		if !ok {
			t.Errorf("%s: no arrow starts there; give it a place in the picture of the house", name)
			continue
		}
		for _, path := range imports {
			own, inside := strings.CutPrefix(path, module)
			if inside && own != "plugin/event" && !slices.ContainsFunc(allowed, covers(own)) {
				t.Errorf("%s imports %s, which is no arrow of the house", name, own)
			}
			for heavy, who := range weights {
				if strings.HasPrefix(path, heavy) && !slices.ContainsFunc(who, startOf(name)) {
					t.Errorf("%s imports %s, which only %v may", name, path, who)
				}
			}
			if slices.Contains(ground, name) && !inside && strings.Contains(firstOf(path), ".") {
				t.Errorf("%s imports %s, which is not of the standard library", name, path)
			}
			if path == "net/http" && pure(name) {
				t.Errorf("%s imports %s, though it is to be pure", name, path)
			}
		}
	}
}

// What the clients of brokers weigh, only those carry who send to one.
func TestBrokersAreApart(t *testing.T) {
	clients := []string{"github.com/twmb/", "github.com/nats-io/", "github.com/rabbitmq/"}
	linked := func(name string) (found []string) {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/"+name)
		cmd.Dir = ".."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for path := range strings.Lines(string(out)) {
			if slices.ContainsFunc(clients, func(c string) bool { return strings.HasPrefix(path, c) }) {
				found = append(found, strings.TrimSpace(path))
			}
		}
		return found
	}
	if found := linked("bellbuoy"); len(found) > 0 {
		t.Errorf("bellbuoy links %q", found)
	}
	if len(linked("bellbuoy-sender-brokers")) == 0 {
		t.Error("the sender for brokers links no client of any, or they are not found")
	}
}

// What decides and what translates gives the same answer at any time, so that it
// can be asked again later; it has no clock.
func TestPureHasNoClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"}
	for name := range packages(t) {
		if !pure(name) {
			continue
		}
		files, err := filepath.Glob(filepath.Join("..", name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for n := range ast.Preorder(file) {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					continue
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, sel.Sel.Name) {
					t.Errorf("%s asks time.%s", path, sel.Sel.Name)
				}
			}
		}
	}
}

// packages returns the imports of every package of the module, tests aside.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "./...")
	cmd.Dir = ".."
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, problem.String())
	}
	all := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		all[strings.TrimPrefix(f[0], module)] = f[1:]
	}
	if len(all["plugin"]) == 0 {
		t.Fatalf("go list does not know the module's packages: %s", out)
	}
	return all
}

// allowedFor finds the row of arrows for a package.
func allowedFor(name string) (row []string, ok bool) {
	best := ""
	for start, to := range arrows {
		if len(start) > len(best) && startOf(name)(start) {
			best, row, ok = start, to, true
		}
	}
	return row, ok
}

// covers returns whether a pattern of arrows names path.
func covers(path string) func(string) bool {
	return func(pattern string) bool {
		if below, ok := strings.CutSuffix(pattern, "..."); ok {
			return strings.HasPrefix(path+"/", below)
		}
		return path == pattern
	}
}

// startOf returns whether name is start or lies below it; a start that ends in a
// slash or a dash is only the beginning of a name.
func startOf(name string) func(string) bool {
	return func(start string) bool {
		rest, ok := strings.CutPrefix(name, start)
		return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(start, "/") || strings.HasSuffix(start, "-"))
	}
}

func pure(name string) bool {
	return slices.ContainsFunc([]string{"translator", "internal/rules", "internal/render", "internal/fold"}, startOf(name))
}

func firstOf(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}
