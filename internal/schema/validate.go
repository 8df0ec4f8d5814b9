package schema

import (
	"bytes"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Validator checks documents against one schema.
type Validator struct{ schema *jsonschema.Schema }

// Compile reads a schema, which must itself be valid and complete: nothing is loaded
// from elsewhere.
func Compile(text []byte) (*Validator, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	const name = "schema:itself"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	s, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	return &Validator{s}, nil
}

// Validate returns nil if the JSON document is as the schema says, else all its faults.
func (v *Validator) Validate(document []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	return v.schema.Validate(doc)
}
