package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// maxNodes is how much may be given to [JSONOf] when each alias stands for what it names.
const maxNodes = 100_000

// JSONOf is what a YAML document says, as JSON: a text stays the text that it is, and a
// number is written as it was. JSON is YAML too.
func JSONOf(document []byte) ([]byte, error) {
	dec := yaml.NewDecoder(bytes.NewReader(document))
	var root yaml.Node
	switch err := dec.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("there is nothing in it")
	case err != nil:
		return nil, err
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document in it")
	}
	left := maxNodes
	var b bytes.Buffer
	if err := writeJSON(&b, root.Content[0], maxDepth, &left); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func writeJSON(b *bytes.Buffer, n *yaml.Node, depth int, left *int) error {
	if *left--; *left < 0 || depth == 0 {
		return fmt.Errorf("line %d: it is too large, or nests too deep", n.Line)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return writeJSON(b, n.Alias, depth-1, left)
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, item, depth-1, left); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
				return fmt.Errorf("line %d: a key is no text: write it out", key.Line)
			}
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, key.Value)
			b.WriteByte(':')
			if err := writeJSON(b, n.Content[i+1], depth-1, left); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		b.WriteString("null")
	case tag == "!!bool":
		var is bool
		if err := n.Decode(&is); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		fmt.Fprint(b, is)
	case (tag == "!!int" || tag == "!!float") && json.Valid([]byte(n.Value)):
		b.WriteString(n.Value)
	default:
		writeText(b, n.Value)
	}
	return nil
}

func writeText(b *bytes.Buffer, s string) {
	text, _ := json.Marshal(s) // a string always can be
	b.Write(text)
}
