package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Source is what a package says in its sources and not in its types: comments, and
// which values a type is meant to have.
type Source struct {
	path      string
	tag       string
	comments  map[string]string // by Type and by Type.Field
	names     map[string]string // Type.Field as it is written down
	values    map[string]string // of constants, by their name
	constants map[string][]string
}

// ReadSource reads the package with this import path in the folder dir, without its
// tests. The tag is the one that names fields where they are written down: json, yaml.
func ReadSource(importPath, dir, tag string) (*Source, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the sources in %s: %w", dir, err)
	}
	s := &Source{
		path: importPath, tag: tag,
		comments: map[string]string{}, names: map[string]string{},
		values: map[string]string{}, constants: map[string][]string{},
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the comments of %s: %w", name, err)
		}
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok {
				s.declaration(g)
			}
		}
	}
	if len(s.comments) == 0 {
		return nil, fmt.Errorf("no commented type in %s", dir)
	}
	return s, nil
}

// Constants returns the values of the constants that are declared to be of the named
// type, in their order in the source.
func (s *Source) Constants(typ string) []string { return s.constants[typ] }

// Comment returns the first paragraph of what the source says of a type, or of a field
// of it, on one line. Go's names in it are written as they are in the document.
func (s *Source) Comment(typ, field string) string {
	key := typ
	if field != "" {
		key += "." + field
	}
	text := s.comments[key]
	if rest, ok := strings.CutPrefix(text, field+" "); ok && field != "" {
		text = s.names[key] + " " + rest
	}
	return goName.ReplaceAllStringFunc(text, func(m string) string {
		name := strings.Trim(m, "[]")
		if v, ok := s.values[name]; ok {
			return v
		}
		if v, ok := s.names[name]; ok {
			return v
		}
		return name
	})
}

// goName is how comments refer to other declarations.
var goName = regexp.MustCompile(`\[[A-Za-z]\w*(?:\.\w+)*\]`)

func (s *Source) declaration(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := spec.Doc
			if doc == nil {
				doc = g.Doc
			}
			s.comments[spec.Name.Name] = paragraph(doc)
			if t, ok := spec.Type.(*ast.StructType); ok {
				s.fields(spec.Name.Name, t)
			}
		case *ast.ValueSpec:
			s.constant(g.Tok, spec)
		}
	}
}

func (s *Source) fields(typ string, t *ast.StructType) {
	for _, f := range t.Fields.List {
		text := paragraph(f.Doc)
		if text == "" {
			text = paragraph(f.Comment)
		}
		for _, name := range f.Names {
			key := typ + "." + name.Name
			s.comments[key] = text
			s.names[key] = s.written(f, name.Name)
		}
	}
}

// written is the name of a field in the document.
func (s *Source) written(f *ast.Field, name string) string {
	if f.Tag == nil {
		return name
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return name
	}
	if key, _, _ := strings.Cut(reflect.StructTag(tag).Get(s.tag), ","); key != "" && key != "-" {
		return key
	}
	return name
}

func (s *Source) constant(tok token.Token, spec *ast.ValueSpec) {
	typ, ok := spec.Type.(*ast.Ident)
	if tok != token.CONST || !ok {
		return
	}
	for i, name := range spec.Names {
		if i >= len(spec.Values) {
			continue
		}
		lit, ok := spec.Values[i].(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			continue
		}
		if v, err := strconv.Unquote(lit.Value); err == nil {
			s.values[name.Name] = v
			s.constants[typ.Name] = append(s.constants[typ.Name], v)
		}
	}
}

// paragraph returns the first of c, on one line. What stands behind it is for those who
// read the source.
func paragraph(c *ast.CommentGroup) string {
	first, _, _ := strings.Cut(c.Text(), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}
