package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsPage string

// docs is the document as the page shows it.
type docs struct {
	Version  string
	About    []string
	Chapters []docsChapter
	Schemas  []docsSchema
}

type docsChapter struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Detail, Role, Scope, Curl string
	Parameters                                           []docsField
	Body                                                 *docsSchema
	Answers                                              []docsAnswer
}

type docsAnswer struct {
	Status string
	Type   *docsType
}

type docsSchema struct {
	Name, Link, Description string
	Fields                  []docsField
}

type docsField struct {
	Name, Description, Example string
	Required                   bool
	Type                       docsType
}

// docsType names a type: "list of " Event, with where that is told of.
type docsType struct{ Before, Name, Link string }

// renderDocs writes the page of a document, and the policy under which browsers show it: it
// has a style and nothing else.
func renderDocs(doc *huma.OpenAPI) (sheet, error) {
	t, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return sheet{}, fmt.Errorf("read the page of the API: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newDocs(doc)); err != nil {
		return sheet{}, fmt.Errorf("write the page of the API: %w", err)
	}
	_, style, _ := strings.Cut(b.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return sheet{
		kind: "text/html; charset=utf-8",
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		text: b.Bytes(),
	}, nil
}

func newDocs(doc *huma.OpenAPI) docs {
	d := docs{Version: doc.Info.Version, About: strings.Split(doc.Info.Description, "\n\n")}
	schemas := doc.Components.Schemas.Map()
	for _, tag := range doc.Tags {
		c := docsChapter{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for _, o := range operations(doc.Paths[path]) {
				if o.Tags[0] == tag.Name {
					c.Operations = append(c.Operations, newDocsOperation(doc, path, o))
				}
			}
		}
		d.Chapters = append(d.Chapters, c)
	}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		d.Schemas = append(d.Schemas, newDocsSchema(name, schemas[name]))
	}
	return d
}

func newDocsOperation(doc *huma.OpenAPI, path string, o *huma.Operation) docsOperation {
	this := o.Metadata["op"].(op)
	d := docsOperation{
		ID: o.OperationID, Method: o.Method, Path: path, Summary: o.Summary, Detail: o.Description,
		Role: string(this.role), Scope: this.scope(),
	}
	for _, p := range o.Parameters {
		d.Parameters = append(d.Parameters, docsField{p.Name, p.Description, exampleOf(p.Schema), p.Required, typeOf(p.Schema)})
	}
	if o.RequestBody != nil {
		for _, content := range o.RequestBody.Content {
			of := typeOf(content.Schema)
			body := newDocsSchema(of.Name, content.Schema)
			if s := doc.Components.Schemas.SchemaFromRef(content.Schema.Ref); s != nil {
				body = newDocsSchema(of.Name, s)
			}
			body.Link = of.Link
			d.Body = &body
		}
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		a := docsAnswer{Status: status}
		for _, content := range o.Responses[status].Content {
			of := typeOf(content.Schema)
			a.Type = &of
		}
		d.Answers = append(d.Answers, a)
	}
	d.Curl = curlOf(d)
	return d
}

// curlOf is a line of shell that asks for d.
func curlOf(d docsOperation) string {
	line := "curl"
	if d.Method != http.MethodGet {
		line += " -X " + d.Method
	}
	line += ` -H "Authorization: Bearer $BELLBUOY_TOKEN"`
	if d.Body != nil {
		line += " -H 'Content-Type: application/json' -d '{}'"
	}
	url := "http://127.0.0.1:5081" + d.Path
	if strings.Contains(url, "{") {
		url = "'" + url + "'" // to be filled in
	}
	return line + " " + url
}

func newDocsSchema(name string, s *huma.Schema) docsSchema {
	d := docsSchema{Name: name, Link: "schema-" + name, Description: s.Description}
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[field]
		d.Fields = append(d.Fields, docsField{field, p.Description, exampleOf(p), slices.Contains(s.Required, field), typeOf(p)})
	}
	return d
}

func exampleOf(s *huma.Schema) string {
	if len(s.Examples) == 0 {
		return ""
	}
	return fmt.Sprint(s.Examples[0])
}

// typeOf names what s is.
func typeOf(s *huma.Schema) docsType {
	more, isMap := s.AdditionalProperties.(*huma.Schema)
	var t docsType
	switch {
	case s.Ref != "":
		t = docsType{Name: path.Base(s.Ref), Link: "schema-" + path.Base(s.Ref)}
	case len(s.AnyOf) > 0:
		t = typeOf(s.AnyOf[0])
		for _, other := range s.AnyOf[1:] {
			t.Before += cmp.Or(typeOf(other).Name, "nothing") + " or "
		}
	case s.Items != nil:
		t = typeOf(s.Items)
		t.Before = "list of " + t.Before
	case isMap:
		t = typeOf(more)
		t.Before = "object of " + t.Before
	case len(s.Enum) > 0 && len(s.Enum) < 12:
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		t.Name = strings.Join(values, ", ")
	case s.Format == "date-time":
		t.Name = "time"
	default:
		t.Name = cmp.Or(s.Type, "any")
	}
	if s.Nullable {
		t.Before = "null or " + t.Before
	}
	if s.Minimum != nil && s.Maximum != nil {
		t.Name += " from " + strconv.FormatFloat(*s.Minimum, 'f', -1, 64) + " to " + strconv.FormatFloat(*s.Maximum, 'f', -1, 64)
	}
	return t
}
