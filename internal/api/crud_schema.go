package api

import (
	"encoding/json"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// describeBodies has the document say what the bodies of a collection's objects have, from
// the schema of the configuration file, which is made of the same types that read them.
func (s *server) describeBodies(c collection) {
	doc := s.doc
	all, one := doc.Paths[c.path("")], doc.Paths[c.path("{name}")]
	for _, content := range one.Patch.RequestBody.Content {
		content.Schema = &huma.Schema{Type: huma.TypeObject}
	}
	all.Post.Responses["200"], one.Put.Responses["201"] = all.Post.Responses["201"], one.Put.Responses["200"] // a dry run; what is made
	if s.Schema == nil {
		for _, o := range []*huma.Operation{all.Post, one.Put} {
			o.RequestBody.Content["application/json"].Schema = &huma.Schema{Type: huma.TypeObject}
		}
		return
	}
	name := map[objects.Kind]string{objects.Rule: "RuleObject", objects.Target: "TargetObject", objects.Registry: "RegistryObject"}[c.kind]
	if body := bodySchema(s.Schema(), strings.TrimSuffix(name, "Object"), name); body != nil {
		doc.Components.Schemas.Map()[name] = body
		for _, o := range []*huma.Operation{all.Post, one.Put} {
			o.RequestBody.Content["application/json"].Schema = &huma.Schema{Ref: "#/components/schemas/" + name}
		}
	}
}

// bodySchema is what a schema defines as def, to stand by itself among the document's
// components as name; nil where it cannot be read.
func bodySchema(schema, def, name string) *huma.Schema {
	text := strings.ReplaceAll(schema, `"#/$defs/`, `"#/components/schemas/`+name+`/$defs/`)
	var file struct {
		Defs map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(text), &file); err != nil || file.Defs[def] == nil {
		return nil
	}
	keywords := map[string]any{}
	for keyword, value := range file.Defs[def] {
		keywords[keyword] = value
	}
	needed := map[string]any{}
	for more := []any{keywords}; len(more) > 0; {
		v := more[0]
		more = more[1:]
		switch v := v.(type) {
		case map[string]any:
			for key, item := range v {
				if ref, ok := item.(string); ok && key == "$ref" {
					of := ref[strings.LastIndexByte(ref, '/')+1:]
					if needed[of] == nil && file.Defs[of] != nil {
						needed[of] = file.Defs[of]
						more = append(more, file.Defs[of])
					}
				}
				more = append(more, item)
			}
		case []any:
			more = append(more, v...)
		}
	}
	keywords["$defs"] = needed
	return &huma.Schema{Extensions: keywords}
}
