package app

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// optionValues returns the strings among a target's options that path names, by their
// own paths. "*" stands for every key of an object or item of a list, a number for one
// item.
func optionValues(options json.RawMessage, path string) map[string]string {
	var root any
	if err := json.Unmarshal(options, &root); err != nil {
		return nil // its sender has said so
	}
	out := map[string]string{}
	var walk func(v any, at, want []string)
	walk = func(v any, at, want []string) {
		if len(want) == 0 {
			if s, ok := v.(string); ok {
				out[strings.Join(at, ".")] = s
			}
			return
		}
		step := func(key string, item any) {
			if want[0] == "*" || want[0] == key {
				walk(item, append(slices.Clone(at), key), want[1:])
			}
		}
		switch v := v.(type) {
		case map[string]any:
			for key, item := range v {
				step(key, item)
			}
		case []any:
			for i, item := range v {
				step(strconv.Itoa(i), item)
			}
		}
	}
	walk(root, nil, strings.Split(path, "."))
	return out
}

// optionPaths are the paths of [optionValues], sorted.
func optionPaths(options json.RawMessage, path string) []string {
	return slices.Sorted(maps.Keys(optionValues(options, path)))
}
