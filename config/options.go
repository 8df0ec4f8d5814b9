package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// options decodes the options of t, which are opaque here: they become JSON with
// the types that they have in YAML, and each {env: X} and {file: P} becomes its
// value.
func (d *decoder) options(n *yaml.Node, t *Target, path string) {
	o := opaque{decoder: d, target: t, root: path}
	var out bytes.Buffer
	before := len(d.faults)
	o.write(&out, n, path, 0)
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.is(n, yaml.MappingNode, "keys and values", path)
	t.Options = nil
	if !d.faults[before:].Failed() {
		t.Options = out.Bytes()
	}
}

// json decodes a JSON value that is written as text or as YAML.
func (d *decoder) json(n *yaml.Node, to *JSON, path string) {
	if n.Kind == yaml.ScalarNode {
		if !d.text(n, path) {
			return
		}
		if err := json.Unmarshal([]byte(n.Value), new(any)); err != nil {
			d.fault(n.Line, path, "is not JSON ("+err.Error()+"): correct it, or write it as YAML")
			return
		}
		*to = JSON(n.Value)
		return
	}
	before := len(d.faults)
	var out bytes.Buffer
	o := opaque{decoder: d, root: path}
	o.write(&out, n, path, 0)
	if !d.faults[before:].Failed() {
		*to = JSON(out.String())
	}
}

// opaque writes a part of a YAML tree as JSON.
type opaque struct {
	*decoder
	target *Target // whose options it is; nil where {env: X} means nothing
	root   string
}

func (o *opaque) write(out *bytes.Buffer, n *yaml.Node, path string, depth int) {
	n, leave := o.enter(n, path)
	defer leave()
	if n == nil {
		return
	}
	if depth > maxDepth {
		o.fault(n.Line, path, fmt.Sprintf("is nested deeper than %d: make it flatter", maxDepth))
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		o.scalar(out, n, path)
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			o.write(out, item, join(path, strconv.Itoa(i)), depth+1)
		}
		out.WriteByte(']')
	case yaml.MappingNode:
		if o.target != nil && isReference(n) && path != o.root {
			if v, ok := o.reference(n, path); ok {
				o.target.SecretPaths = append(o.target.SecretPaths, strings.TrimPrefix(path, o.root+"."))
				text(out, v)
			}
			return
		}
		out.WriteByte('{')
		for i, e := range o.entries(n, path) {
			if i > 0 {
				out.WriteByte(',')
			}
			o.note(e.line, join(path, e.key))
			text(out, e.key)
			out.WriteByte(':')
			o.write(out, e.node, join(path, e.key), depth+1)
		}
		out.WriteByte('}')
	}
}

// jsonNumber is how JSON writes numbers; such a one is taken over digit by digit.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

func (o *opaque) scalar(out *bytes.Buffer, n *yaml.Node, path string) {
	switch tag := n.ShortTag(); tag {
	case "!!null":
		out.WriteString("null")
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			o.fault(n.Line, path, "is marked as true or false and is neither: write one of the two")
		}
		out.WriteString(strconv.FormatBool(b))
	case "!!str", "!!timestamp":
		text(out, n.Value) // JSON has no dates
	case "!!int", "!!float":
		if number, err := number(n.Value, tag); err != nil {
			o.fault(n.Line, path, err.Error())
		} else {
			out.WriteString(number)
		}
	default:
		o.fault(n.Line, path, "has the type "+n.Tag+", which JSON does not have: remove it")
	}
}

// number writes a YAML number as JSON, without a loss where JSON can say it. Its
// errors do not quote the number: it may be somebody's password.
func number(s, tag string) (string, error) {
	if jsonNumber.MatchString(s) {
		return s, nil
	}
	plain := strings.ReplaceAll(s, "_", "")
	if digits := strings.TrimLeft(plain, "+-"); len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789") == "" {
		return "", errors.New("begins with a zero, which some read as octal: remove the zero, or put it in quotes if it is text")
	}
	if tag == "!!int" {
		if i, ok := new(big.Int).SetString(plain, 0); ok {
			return i.String(), nil
		}
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", errors.New("is no number that JSON can say: put it in quotes if it is text")
	}
	b, err := json.Marshal(f)
	return string(b), err
}

// text writes s as a JSON string.
func text(out *bytes.Buffer, s string) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	// Encoding a string to memory cannot fail.
	_ = enc.Encode(s)
	out.Truncate(out.Len() - 1) // the line break behind it
}
