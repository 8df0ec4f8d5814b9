package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// hidden is what [Config.Written] has in the place of a secret.
const hidden = "********"

// Written is a registry, target or rule of c's files by its name, as its file has it: a JSON
// object with the keys that are given there. Its secrets are hidden, but for those in the
// options of a target: what is secret in these, and not in SecretPaths, its type knows. nil
// where there is none. kind is "registry", "target" or "rule".
func (c *Config) Written(kind, name string) (map[string]any, Pos) {
	list := madeLists()[kind]
	find := func(v reflect.Value) (map[string]any, Pos) {
		for i := range v.Len() {
			if v.Index(i).FieldByName("Name").String() != name {
				continue
			}
			w := written{lines: c.lines}
			body, _ := w.value(v.Index(i), dotted(item(list, i))).(map[string]any)
			return body, v.Index(i).FieldByName("Pos").Interface().(Pos)
		}
		return nil, Pos{}
	}
	switch kind {
	case "registry":
		return find(reflect.ValueOf(c.Registries))
	case "target":
		return find(reflect.ValueOf(c.Targets))
	case "rule":
		return find(reflect.ValueOf(c.Rules))
	}
	return nil, Pos{}
}

// written writes values as JSON has them.
type written struct {
	lines map[string]int // has the paths that are given; empty where no file is
}

// value is what v, which stands at path, is in JSON; nil for what is not given.
func (w written) value(v reflect.Value, path string) any {
	switch x := v.Interface().(type) {
	case Secret, *Secret:
		return hidden
	case json.RawMessage:
		var options any
		if json.Unmarshal(x, &options) != nil {
			return nil
		}
		return options
	case JSON:
		var template any
		if json.Unmarshal([]byte(x), &template) != nil {
			return string(x)
		}
		return template
	case *CA:
		if x == nil {
			return nil
		}
		return x.File
	case Duration, Rate, Size:
		return fmt.Sprint(x)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return w.value(v.Elem(), path)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = w.value(v.Index(i), path+"."+strconv.Itoa(i))
		}
		return list
	case reflect.Struct:
		object := map[string]any{}
		w.fields(object, v, path)
		if target, ok := object["target"]; ok && len(object) == 1 && v.Type() == reflect.TypeFor[Deliver]() {
			return target // as most write it
		}
		return object
	}
	return v.Interface()
}

// fields adds those of a struct that are given.
func (w written) fields(object map[string]any, v reflect.Value, path string) {
	for i := range v.NumField() {
		name, how, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		at := path + "." + name
		_, given := w.lines[at]
		switch {
		case how == "inline":
			w.fields(object, v.Field(i), path)
		case name == "-" || name == "":
		case name == "untagged" && v.Field(i).IsZero(): // it was moved to the tag that it is about
		case given || v.Field(i).Kind() != reflect.Bool && !v.Field(i).IsZero() && (len(w.lines) == 0 || !settled(name)):
			object[name] = w.value(v.Field(i), at)
		}
	}
}

// settled reports whether a key has a value where its file gives none.
func settled(name string) bool {
	switch name {
	case "order", "hold", "timeout", "concurrency", "retry", "schedule", "give_up_after", "rate", "digest", "park_for", "mode":
		return true
	}
	return false
}
