package dialect_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
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
	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/adapters/quay"
	"github.com/bellbuoy/bellbuoy/adapters/tcr"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

var update = flag.Bool("update", false, "write the golden files, and the table of the documentation, anew")

// tongue is a dialect that a registry type speaks, too.
type tongue struct {
	dialect, registry string
	adapter           adapters.Adapter
	translate         func(translator.Source, adapters.Notification) []event.Event
}

func tongues() []tongue {
	return []tongue{
		{"distribution", "distribution", distribution.Adapter{}, translator.Distribution},
		{"harbor", "harbor", harbor.Adapter{}, translator.Harbor},
		{"harbor-cloudevents", "harbor", harbor.Adapter{}, translator.Harbor},
		{"quay", "quay", quay.Adapter{}, translator.Quay},
		{"tcr", "tcr", tcr.Adapter{}, translator.TCR},
		{"acr", "acr", acr.Adapter{}, translator.ACR},
		{"acr-personal", "acr-personal", acrpersonal.Adapter{}, translator.ACRPersonal},
	}
}

func named(t testing.TB, name string) dialect.Dialect {
	t.Helper()
	for _, d := range dialect.All() {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no dialect %s", name)
	return dialect.Dialect{}
}

// notification is one request of a registry.
type notification struct {
	file string
	r    *http.Request
	body []byte
}

// notifications are those of a registry type that translator has golden files of. A line
// of a .jsonl is a body, a .http a request.
func notifications(t testing.TB, registry string) []notification {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "testdata", registry, "*"))
	if err != nil || files == nil {
		t.Fatalf("no notifications of %s: %v", registry, err)
	}
	var list []notification
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		switch filepath.Ext(file) {
		case ".http":
			list = append(list, parseRequest(t, name, b))
		case ".jsonl":
			for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
				list = append(list, notification{fmt.Sprintf("%s:%d", name, i+1), httptest.NewRequest(http.MethodPost, "/in/hub", nil), line})
			}
		}
	}
	return list
}

func parseRequest(t testing.TB, name string, text []byte) notification {
	t.Helper()
	b := bufio.NewReader(bytes.NewReader(text))
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
	return notification{name, r, body}
}

// events are what n becomes. Those without an id get one, as they do when they are taken
// in.
func (g tongue) events(t testing.TB, r *http.Request, body []byte) []event.Event {
	t.Helper()
	list, err := g.adapter.Read(r, body)
	if err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	src := translator.Source{
		Registry: event.Registry{Name: "hub", Type: g.registry},
		Received: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC),
	}
	var events []event.Event
	for _, n := range list {
		events = append(events, g.translate(src, n)...)
	}
	for i := range events {
		if events[i].ID == "" {
			events[i].ID = fmt.Sprintf("00000000-0000-7000-8000-%012d", i)
		}
	}
	return events
}

// write says e.
func write(t testing.TB, d dialect.Dialect, e event.Event) (dialect.Message, error) {
	t.Helper()
	stored, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Write(stored)
	if err == nil && m.Body == nil {
		m.Body = stored
	}
	return m, err
}

// request is m as it would arrive.
func request(m dialect.Message) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	r.Header.Set("Content-Type", m.ContentType)
	for name, value := range m.Headers {
		r.Header.Set(name, value)
	}
	return r
}

// leaves are the values in a JSON text that are no objects and no lists, each as
// "a.b[].c = value". Null is none, and neither are empty texts, objects and lists.
func leaves(t testing.TB, text []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var list []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, item := range v {
				walk(strings.TrimPrefix(path+"."+key, "."), item)
			}
		case []any:
			for _, item := range v {
				walk(path+"[]", item)
			}
		case nil:
		default:
			if v != "" {
				list = append(list, fmt.Sprintf("%s = %v", path, v))
			}
		}
	}
	walk("", v)
	slices.Sort(list)
	return slices.Compact(list)
}
