package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/schema"
)

var update = flag.Bool("update", false, "write the descriptions of the API anew from the sources")

const module = "github.com/bellbuoy/bellbuoy/"

// sayings reads what the sources say of the types of the document, and of fields that they
// say nothing of what all of that name are.
func sayings(t *testing.T, schemas huma.Registry) map[string]map[string]string {
	t.Helper()
	sources := map[string]*schema.Source{}
	source := func(path string) *schema.Source {
		if sources[path] == nil {
			s, err := schema.ReadSource(path, "../../"+strings.TrimPrefix(path, module), "json")
			if err != nil {
				t.Fatal(err)
			}
			sources[path] = s
		}
		return sources[path]
	}
	words := map[string]string{}
	if b, err := os.ReadFile("testdata/words.json"); err != nil {
		t.Fatal(err)
	} else if err := json.Unmarshal(b, &words); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for name, s := range schemas.Map() {
		typ := schemas.TypeFromRef("#/components/schemas/" + name)
		if typ == nil {
			continue // it is made of no type, and says for itself what it is
		}
		say := map[string]string{}
		note := func(key, text string) {
			if text != "" && say[key] == "" {
				say[key] = text
			}
		}
		if text := without(source(typ.PkgPath()).Comment(typ.Name(), ""), typ.Name()); text != "" {
			note("", strings.ToUpper(text[:1])+text[1:])
		}
		fieldsOf(typ, func(of reflect.Type, f reflect.StructField) {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			note(key, without(source(of.PkgPath()).Comment(of.Name(), f.Name), key))
		})
		for field, p := range s.Properties {
			// What a field's type says of itself need not be said again.
			if p.Description == "" && p.Ref == "" && (p.Items == nil || p.Items.Ref == "") {
				note(field, words[field])
				if say[field] == "" {
					t.Errorf("nothing says what %s.%s is: write a comment at the field of %v, or a word for all of that name in testdata/words.json", name, field, typ)
				}
			}
		}
		all[name] = say
	}
	return all
}

// without takes the name of what is told off the front of a comment.
func without(text, name string) string {
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	return rest
}

// The descriptions are what the sources say now.
func TestDescriptionsAreCurrent(t *testing.T) {
	got, err := json.MarshalIndent(sayings(t, newServer(Config{}).doc.Components.Schemas), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("descriptions.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(got) != string(descriptions) {
		t.Error("descriptions.json is not what the sources say: write it anew with -update")
	}
}

// documented returns the document as it is served.
func documented(t *testing.T, h http.Handler) (doc struct {
	OpenAPI string
	Info    struct{ Title, Version, Description string }
	Tags    []struct{ Name, Description string }
	Paths   map[string]map[string]struct {
		OperationID, Summary string
		Tags                 []string
		Role                 access.Role `json:"x-role"`
		Scope                string      `json:"x-scope"`
		Parameters           []struct{ Name, In, Description string }
		Responses            map[string]json.RawMessage
	}
}) {
	t.Helper()
	rec := ask(h, "GET", "/api/openapi.json", nil)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// What is in the document is served, and is told of.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	w.run = inUse()
	doc := documented(t, w)
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "bellbuoy" || doc.Info.Version != "1.2.3" || doc.Info.Description == "" {
		t.Errorf("%+v", doc.Info)
	}
	var chapters []string
	for _, tag := range doc.Tags {
		if chapters = append(chapters, tag.Name); tag.Description == "" {
			t.Errorf("nothing says what the chapter %s is about: add it to chapters", tag.Name)
		}
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for method, o := range item {
			name := method + " " + path
			if o.Summary == "" || strings.HasSuffix(o.Summary, ".") || len(o.Tags) != 1 || !slices.Contains(chapters, o.Tags[0]) {
				t.Errorf("%s: summary %q, tags %v", name, o.Summary, o.Tags)
			}
			if ids[o.OperationID] {
				t.Errorf("%s: there is another %s", name, o.OperationID)
			}
			ids[o.OperationID] = true
			for _, p := range o.Parameters {
				if p.Description == "" {
					t.Errorf("%s: nothing says what %s is", name, p.Name)
				}
			}
			if o.Role == "" && o.Scope == "" && o.Tags[0] == "sessions" {
				// It is for everybody.
			} else if !slices.Contains(access.Roles(), o.Role) || strings.HasSuffix(o.Scope, ":read") != (o.Role == access.Viewer) {
				t.Errorf("%s: needs %s and %s", name, o.Role, o.Scope)
			}
			// It is there: what it misses is what is asked for, and not the page.
			target := strings.NewReplacer("{", "no-", "}", "").Replace(path)
			rec := ask(w, strings.ToUpper(method), target, header("Content-Type", "text/plain"))
			if strings.Contains(rec.Body.String(), "there is nothing at") || rec.Code == http.StatusMethodNotAllowed {
				t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
			}
			if rec := ask(w, "TRACE", target, nil); rec.Code != http.StatusMethodNotAllowed || !strings.Contains(rec.Header().Get("Allow"), strings.ToUpper(method)) {
				t.Errorf("TRACE %s: %d, Allow %q", path, rec.Code, rec.Header().Get("Allow"))
			}
		}
	}
	if len(ids) < 30 {
		t.Errorf("there are %d operations only", len(ids))
	}
	if yaml := ask(w, "GET", "/api/openapi.yaml", nil); yaml.Code != 200 || !strings.HasPrefix(yaml.Body.String(), "components:") || yaml.Header().Get("Content-Type") != "application/openapi+yaml" {
		t.Errorf("as YAML: %d %.100s", yaml.Code, yaml.Body)
	}
}

// The document is for whoever may read anything.
func TestDocumentNeedsARole(t *testing.T) {
	s := newServer(Config{Version: "1"})
	for _, path := range []string{"/api/openapi.json", "/api/openapi.yaml", "/api/docs"} {
		for _, c := range []struct {
			id   access.Identity
			want int
		}{
			{access.Identity{}, 403}, {access.Identity{Role: access.Viewer}, 200},
			{access.Identity{Role: access.Editor, Scopes: []string{"events:read"}}, 200},
		} {
			if got := asks(s.mux, c.id, "GET", path, ""); got.Code != c.want {
				t.Errorf("%s by %+v: %d %s", path, c.id, got.Code, got.Body)
			}
		}
	}
}

// It is made while others ask for other things.
func TestDocumentWhileServing(t *testing.T) {
	w := newWorld(t)
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 20 {
				if rec := send(w, "/api/v1/redeliver", `{"target":"ci","dry_run":true}`); rec.Code != 200 {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
			}
		})
		asking.Go(func() {
			if rec := ask(w, "GET", "/api/docs", nil); rec.Code != 200 {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		})
	}
	asking.Wait()
}

// The page has all that the document has, needs nothing from elsewhere, runs nothing, and
// its links lead somewhere.
func TestDocsPage(t *testing.T) {
	w := newWorld(t)
	rec := ask(w, "GET", "/api/docs", nil)
	page := rec.Body.String()
	if rec.Code != 200 || rec.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	policy := rec.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy is %s", policy)
	}
	style := page[strings.Index(page, "<style>")+len("<style>") : strings.Index(page, "</style>")]
	if sum := sha256.Sum256([]byte(style)); !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) {
		t.Error("the policy does not let the style be used")
	}
	for _, bad := range []string{"<script", "<link", "<img", "style=", "url(", "src=", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("the id %s is there twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if to, ok := strings.CutPrefix(m[1], "#"); !ok && ask(w, "GET", m[1], nil).Code != 200 || ok && !ids[to] {
			t.Errorf("the link %s leads nowhere", m[1])
		}
	}
	for path, item := range documented(t, w).Paths {
		for _, o := range item {
			if !ids[o.OperationID] || !strings.Contains(page, path) {
				t.Errorf("%s is not on the page", o.OperationID)
			}
		}
	}
}
