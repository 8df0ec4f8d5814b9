package translator_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/acr"
	"github.com/bellbuoy/bellbuoy/adapters/acrpersonal"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/adapters/quay"
	"github.com/bellbuoy/bellbuoy/adapters/tcr"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

var update = flag.Bool("update", false, "write the golden files anew")

// registry is how the requests of a registry type become events.
type registry struct {
	name      string // the type, and the folder below testdata
	adapter   adapters.Adapter
	translate func(translator.Source, adapters.Notification) []event.Event
}

// registries is the table of types that have golden files.
func registries() []registry {
	return []registry{
		{"distribution", distribution.Adapter{}, translator.Distribution},
		{"harbor", harbor.Adapter{}, translator.Harbor},
		{"quay", quay.Adapter{}, translator.Quay},
		{"cloudevents", cloudevents.Adapter{}, translator.CloudEvents},
		{"acr", acr.Adapter{}, translator.ACR},
		{"acr-personal", acrpersonal.Adapter{}, translator.ACRPersonal},
		{"tcr", tcr.Adapter{}, translator.TCR},
	}
}

// source is a registry of this type that is called hub.
func (g registry) source() translator.Source {
	return translator.Source{
		Registry: event.Registry{Name: "hub", Type: g.name},
		Received: time.Date(2026, 11, 21, 9, 30, 0, 0, time.FixedZone("CST", 8*3600)),
	}
}

// read does all that happens to a request before it is routed.
func (g registry) read(r *http.Request, body []byte) ([]event.Event, error) {
	notifications, err := g.adapter.Read(r, body)
	if err != nil {
		return nil, err
	}
	var events []event.Event
	for _, n := range notifications {
		events = append(events, g.translate(g.source(), n)...)
	}
	return events, nil
}

// TestGolden translates the requests in testdata/TYPE and compares the events with the
// golden file beside each. Requests are in files of two forms: .http is one, with its
// path and headers; .jsonl is bodies, one a line, posted to /in/hub without a header.
func TestGolden(t *testing.T) {
	for _, g := range registries() {
		t.Run(g.name, func(t *testing.T) {
			var files []string
			for _, form := range []string{"*.http", "*.jsonl"} {
				more, err := filepath.Glob(filepath.Join("testdata", g.name, form))
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, more...)
			}
			if len(files) == 0 {
				t.Fatal("no requests")
			}
			for _, file := range files {
				base := strings.TrimSuffix(file, filepath.Ext(file))
				t.Run(filepath.Base(base), func(t *testing.T) { g.golden(t, file, base+".golden") })
			}
		})
	}
}

// Each folder with requests has a type that is tested.
func TestEveryFolderHasARegistry(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no requests: %v", err)
	}
	for _, file := range files {
		folder := filepath.Base(filepath.Dir(file))
		if !slices.ContainsFunc(registries(), func(g registry) bool { return g.name == folder }) {
			t.Errorf("%s is translated by no test", file)
		}
	}
}

func (g registry) golden(t *testing.T, file, golden string) {
	var got bytes.Buffer
	for _, e := range g.file(t, file) {
		b, err := json.MarshalIndent(e, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(b, '\n'))
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, golden); got.String() != want {
		t.Errorf("events differ from %s (write it anew with -update, and look at the difference)\n%s", golden, got.String())
	}
}

// file translates all requests in a file.
func (g registry) file(t testing.TB, file string) []event.Event {
	t.Helper()
	if filepath.Ext(file) == ".http" {
		r, body := parseRequest(t, read(t, file))
		return g.request(t, r, body)
	}
	var events []event.Event
	for line := range strings.Lines(read(t, file)) {
		events = append(events, g.request(t, httptest.NewRequest(http.MethodPost, "/in/hub", nil), line)...)
	}
	return events
}

// request translates one request that can be read.
func (g registry) request(t testing.TB, r *http.Request, body string) []event.Event {
	t.Helper()
	events, err := g.read(r, []byte(body))
	if err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	return events
}

// parseRequest reads a request as people write it down: method and path, headers, an
// empty line, body. The part of the path behind /in/NAME/ is its event.
func parseRequest(t testing.TB, text string) (*http.Request, string) {
	t.Helper()
	b := bufio.NewReader(strings.NewReader(text))
	lines := textproto.NewReader(b)
	first, err := lines.ReadLine()
	if err != nil {
		t.Fatal(err)
	}
	method, path, _ := strings.Cut(first, " ")
	header, err := lines.ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	r.Header = http.Header(header)
	if parts := strings.SplitN(path, "/", 4); len(parts) == 4 {
		r.SetPathValue("event", parts[3])
	}
	return r, string(body)
}

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dump is v as JSON, to be compared or shown.
func dump(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
