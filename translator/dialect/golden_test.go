package dialect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/internal/schema"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

// sample is the full event of a type, as it would be: a signature has a kind, a subject
// and no other tag than that of its subject. No two fields have the same value by chance.
func sample(t event.Type) event.Event {
	e := event.Sample(t)
	if s := e.Scan; s != nil {
		s.Started, s.Ended, s.Total = new(e.Time.Add(-time.Minute)), new(e.Time.Add(-time.Second)), new(*s.Total+100)
	}
	if a := e.Artifact; t == event.ArtifactSigned {
		a.Kind, a.MediaType, a.Platforms = event.KindSignature, "application/vnd.oci.image.manifest.v1+json", nil
		a.Tags = []string{strings.Replace(a.Subject, ":", "-", 1) + ".sig"}
	}
	return e
}

// TestGolden says the full event of each type in each dialect, and compares with
// testdata/DIALECT.golden.
func TestGolden(t *testing.T) {
	for _, d := range dialect.All() {
		t.Run(d.Name, func(t *testing.T) {
			var got bytes.Buffer
			for _, typ := range event.Types() {
				fmt.Fprintf(&got, "# %s\n", typ)
				m, err := write(t, d, sample(typ))
				if none, ok := errors.AsType[*dialect.NoWord](err); ok {
					fmt.Fprintf(&got, "%s\n\n", none.Reason)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&got, "Content-Type: %s\n", m.ContentType)
				for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
					fmt.Fprintf(&got, "%s: %s\n", name, m.Headers[name])
				}
				if err := json.Indent(&got, m.Body, "", "  "); err != nil {
					t.Fatal(err)
				}
				got.WriteString("\n\n")
			}
			file := filepath.Join("testdata", d.Name+".golden")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("what is said differs from %s (write it anew with -update, and look at the difference)\n%s", file, got.Bytes())
			}
		})
	}
}

func validator(t *testing.T, file string) *schema.Validator {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	v, err := schema.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The schema is that of the CloudEvents specification, as its JavaScript SDK 10.0.0 has it
// (Apache License 2.0).
func TestCloudEventsAreValid(t *testing.T) {
	v := validator(t, "cloudevents.schema.json")
	for _, name := range []string{"cloudevents", "harbor-cloudevents", "acr"} {
		said := 0
		for _, typ := range event.Types() {
			m, err := write(t, named(t, name), sample(typ))
			if err != nil {
				continue
			}
			said++
			if m.ContentType != "application/cloudevents+json" {
				t.Errorf("%s: %s has the content type %s", name, typ, m.ContentType)
			}
			if err := v.Validate(m.Body); err != nil {
				t.Errorf("%s: %s: %v", name, typ, err)
			}
		}
		if said == 0 {
			t.Errorf("%s: nothing was said", name)
		}
	}
}

// What is sent in the binary mode is, read by bellbuoy's own adapter, the same CloudEvent
// as that of the structured mode.
func TestBinaryIsAsStructured(t *testing.T) {
	read := func(name string, e event.Event) *cloudevents.Event {
		m, err := write(t, named(t, name), e)
		if err != nil {
			t.Fatal(err)
		}
		list, err := cloudevents.Adapter{}.Read(request(m), m.Body)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", name, list, err)
		}
		return list[0].Native.(*cloudevents.Event)
	}
	for _, typ := range event.Types() {
		e := sample(typ)
		if e.Repository != nil {
			e.Repository.FullName = "prod/ä b%\"\n"
		}
		s, b := read("cloudevents", e), read("cloudevents-binary", e)
		if s.ID != e.ID || s.ID != b.ID || s.Source != b.Source || s.Type != b.Type || s.Subject != b.Subject || !s.At.Equal(b.At) || !bytes.Equal(s.Data, b.Data) {
			t.Errorf("%s: structured %+v, binary %+v", typ, s, b)
		}
	}
}

// The schema says what the CDEvents specification 0.4.1 asks of the types that are used
// here.
func TestCDEventsAreValid(t *testing.T) {
	v := validator(t, "cdevents.schema.json")
	said := map[string]bool{}
	for _, typ := range event.Types() {
		for _, e := range []event.Event{sample(typ), bare(typ)} {
			m, err := write(t, named(t, "cdevents"), e)
			if err != nil {
				continue
			}
			said[m.Headers["Ce-Type"]] = true
			if err := v.Validate(m.Body); err != nil {
				t.Errorf("%s: %v\n%s", typ, err, m.Body)
			}
			var c struct {
				Context struct{ ID, Source, Type, Timestamp string }
				Subject struct{ ID string }
			}
			if err := json.Unmarshal(m.Body, &c); err != nil {
				t.Fatal(err)
			}
			if h := m.Headers; h["Ce-Id"] != c.Context.ID || h["Ce-Source"] != c.Context.Source || h["Ce-Type"] != c.Context.Type || h["Ce-Time"] != c.Context.Timestamp {
				t.Errorf("%s: the headers %v are not those of %+v", typ, h, c.Context)
			}
		}
	}
	if len(said) != 7 {
		t.Errorf("%d types were said: %v", len(said), said)
	}
}

// bare is an event of which little is known.
func bare(t event.Type) event.Event {
	return event.Event{
		V: event.Version, ID: "9f6a3c52-6a0e-5d0b-8c7e-3f1f5f0b7a11", Type: t, Registry: event.Registry{Name: "hub", Type: "quay"},
		Repository: &event.Repository{Name: "app", FullName: "app"}, Artifact: &event.Artifact{Tags: []string{"v1"}}, Origin: event.OriginNative,
	}
}

// Whatever an event lacks, it is said or there is no word for it; and what is said is JSON.
func TestLittleIsSaidToo(t *testing.T) {
	for _, d := range dialect.All() {
		for _, typ := range event.Types() {
			nothing := event.Event{V: event.Version, Type: typ}
			for _, e := range []event.Event{bare(typ), nothing} {
				m, err := write(t, d, e)
				_, none := errors.AsType[*dialect.NoWord](err)
				if err != nil && !none || err == nil && !json.Valid(m.Body) {
					t.Errorf("%s: %s: %v, %s", d.Name, typ, err, m.Body)
				}
				if none != (err != nil) || d.Word(typ) == "" && !none {
					t.Errorf("%s: %s: %v, though its word is %q", d.Name, typ, err, d.Word(typ))
				}
			}
		}
	}
}

// Names are whatever a client makes of them. What is said stays one JSON value and headers
// of one line of ASCII, and the name is in it or, where that escapes, can be read out.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		"a\r\nX-Evil: 1", `"},{"x":"`, "\x00\x1b[31m", "\u202egnp.exe", "\u2028", "<script>alert(1)</script>", "${jndi:ldap://x}", "%0d%0a",
		strings.Repeat("n", 5000), "ü/标签", "\xff\xfe", "a b\tc", "://", "@all", `\`, "?a=b&tag=c#d",
	} {
		for _, d := range dialect.All() {
			for _, typ := range event.Types() {
				e := sample(typ)
				e.Registry.Name, e.Registry.Host = name, name
				if e.Repository != nil {
					e.Repository.FullName, e.Repository.Name, e.Repository.Namespace = "ns/"+name, name, "ns"
					e.Artifact.Tags, e.Actor.Name = []string{name}, name
				}
				m, err := write(t, d, e)
				if err != nil {
					if _, none := errors.AsType[*dialect.NoWord](err); !none {
						t.Errorf("%s: %s: %v", d.Name, typ, err)
					}
					continue
				}
				if err := adapters.Scan(http.Header{}, m.Body); err != nil {
					t.Errorf("%s: %s of %q: %v", d.Name, typ, name, err)
				}
				for header, value := range m.Headers {
					if !httpguts.ValidHeaderFieldName(header) || http.CanonicalHeaderKey(header) != header || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
						t.Errorf("%s: %s of %q has the header %q: %q", d.Name, typ, name, header, value)
					}
				}
			}
		}
	}
}

func TestWhatIsNoEventIsAnError(t *testing.T) {
	for _, d := range dialect.All() {
		_, err := d.Write(json.RawMessage(`{"type": 7}`))
		if _, none := errors.AsType[*dialect.NoWord](err); err == nil || none {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

func FuzzWrite(f *testing.F) {
	for _, typ := range event.Types() {
		b, err := json.Marshal(sample(typ))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		for _, d := range dialect.All() {
			m, err := d.Write(stored)
			if err == nil && m.Body != nil && !json.Valid(m.Body) {
				t.Errorf("%s: %q", d.Name, m.Body)
			}
		}
	})
}
