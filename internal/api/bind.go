package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// register serves o with h, which takes an *in and returns an *out. huma's own Register does
// as much and more, and is compiled anew for each pair of types, 16 KB each time; this one is
// there once.
func (s *server) register(o op, in, out reflect.Type, h func(context.Context, any) (any, error)) {
	of := o.huma()
	read := newReader(&of, in, s.doc.Components.Schemas)
	write := newWriter(&of, out, s.doc.Components.Schemas)
	s.doc.AddOperation(&of)
	s.mux.HandleFunc(o.route, checked(&of, func(w http.ResponseWriter, r *http.Request) {
		input := reflect.New(in)
		if bad := read.all(r, input.Elem()); len(bad) > 0 {
			bad.problem().write(w)
			return
		}
		output, err := h(r.Context(), input.Interface())
		if err != nil {
			s.problem(r.Context(), err).write(w)
			return
		}
		write.all(w, reflect.ValueOf(output))
	}))
}

// reader fills an input from a request.
type reader struct {
	schemas huma.Registry
	params  []param
	body    []int        // where it goes; nil where none is taken
	schema  *huma.Schema // of the body
}

// param is a field that a request has elsewhere than in its body.
type param struct {
	index            []int
	in, name, preset string
	schema           *huma.Schema
}

// newReader reads from the fields of t how they are filled, and tells of them in o.
func newReader(o *huma.Operation, t reflect.Type, schemas huma.Registry) reader {
	rd := reader{schemas: schemas}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		if f.Name == "Body" {
			rd.body, rd.schema = f.Index, huma.SchemaFromField(schemas, f, o.OperationID+"-request")
			o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: rd.schema}}}
			if o.Method == http.MethodPatch {
				o.RequestBody.Content[mergePatch] = &huma.MediaType{Schema: rd.schema}
			}
			continue
		}
		for _, in := range []string{"path", "query", "header"} {
			if name := f.Tag.Get(in); name != "" {
				p := param{f.Index, in, name, f.Tag.Get("default"), huma.SchemaFromField(schemas, f, "")}
				rd.params = append(rd.params, p)
				o.Parameters = append(o.Parameters, &huma.Param{
					Name: name, In: in, Required: in == "path", Description: p.schema.Description, Schema: p.schema,
				})
			}
		}
	}
	return rd
}

// all fills input from r, and returns all that is wrong with what r has.
func (rd reader) all(r *http.Request, input reflect.Value) (bad faults) {
	query := r.URL.Query()
	for _, p := range rd.params {
		var text string
		switch p.in {
		case "path":
			text = r.PathValue(p.name)
		case "query":
			text = query.Get(p.name)
		case "header":
			text = r.Header.Get(p.name)
		}
		if text == "" {
			text = p.preset
		}
		if text == "" {
			continue
		}
		value, err := set(input.FieldByIndex(p.index), text)
		if err != nil {
			bad.add(p.name, fmt.Errorf("%q is wrong: %w", text, err))
			continue
		}
		bad = append(bad, rd.check(p.schema, p.in+"."+p.name, value)...)
	}
	if rd.body != nil {
		bad = append(bad, rd.readBody(r, input.FieldByIndex(rd.body))...)
	}
	return bad
}

// set gives v the value that text has, and returns that.
func set(v reflect.Value, text string) (any, error) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return text, nil
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errors.New("it is no whole number")
		}
		v.SetInt(n)
		return n, nil
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, errors.New("it is neither true nor false")
		}
		v.SetBool(b)
		return b, nil
	}
	return nil, fmt.Errorf("no %s can be given here", v.Type())
}

func (rd reader) readBody(r *http.Request, into reflect.Value) faults {
	body, err := io.ReadAll(r.Body) // of what checked has read
	var plain any
	if err == nil {
		err = json.Unmarshal(body, &plain)
	}
	if err == nil {
		if bad := rd.check(rd.schema, "body", plain); len(bad) > 0 {
			return bad
		}
		err = json.Unmarshal(body, into.Addr().Interface())
	}
	if err != nil {
		return faults{{Message: fmt.Sprintf("the request is no JSON object that is understood here: %v", err)}}
	}
	return nil
}

// check returns what of value, which is at path of the request, is not as the schema says.
func (rd reader) check(s *huma.Schema, path string, value any) (bad faults) {
	at := huma.NewPathBuffer(nil, 0)
	at.Push(path)
	var found huma.ValidateResult
	huma.Validate(rd.schemas, s, at, huma.ModeWriteToServer, value, &found)
	for _, err := range found.Errors {
		if d, ok := err.(huma.ErrorDetailer); ok {
			bad = append(bad, fault(d.ErrorDetail()))
		}
	}
	return bad
}

// writer answers with an output.
type writer struct {
	status  int
	headers []param
	body    []int // where it is; nil where there is none
	own     []int // where the output says its status; nil where it does not
}

// newWriter reads from the fields of t how they are answered, and tells of them in o.
func newWriter(o *huma.Operation, t reflect.Type, schemas huma.Registry) writer {
	wr := writer{status: o.DefaultStatus}
	answer := &huma.Response{Headers: map[string]*huma.Param{}}
	for _, f := range reflect.VisibleFields(t) {
		name := f.Tag.Get("header")
		switch {
		case f.Anonymous:
		case f.Name == "Body":
			wr.body = f.Index
			answer.Content = map[string]*huma.MediaType{"application/json": {
				Schema: huma.SchemaFromField(schemas, f, o.OperationID+"-answer"),
			}}
		case f.Name == "Status":
			wr.own = f.Index
		case name != "":
			schema := huma.SchemaFromField(schemas, f, "")
			wr.headers = append(wr.headers, param{index: f.Index, name: name})
			answer.Headers[name] = &huma.Param{Description: schema.Description, Schema: schema}
		}
	}
	if wr.status == 0 {
		if wr.status = http.StatusOK; wr.body == nil {
			wr.status = http.StatusNoContent
		}
	}
	answer.Description = http.StatusText(wr.status)
	o.Responses = map[string]*huma.Response{strconv.Itoa(wr.status): answer}
	return wr
}

// all answers with what output points to; nil is an answer that says nothing but its status.
func (wr writer) all(w http.ResponseWriter, output reflect.Value) {
	if output.IsNil() {
		w.WriteHeader(wr.status)
		return
	}
	output = output.Elem()
	for _, h := range wr.headers {
		if text := fmt.Sprint(output.FieldByIndex(h.index)); text != "" {
			w.Header().Set(h.name, text)
		}
	}
	status := wr.status
	if wr.own != nil {
		if own := output.FieldByIndex(wr.own).Int(); own != 0 {
			status = int(own)
		}
	}
	if wr.body == nil || status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	write(w, status, "application/json", output.FieldByIndex(wr.body).Interface())
}
