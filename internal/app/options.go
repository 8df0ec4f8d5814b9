package app

import (
	"encoding/json"
	"strconv"
)

// optionValues returns the strings in a target's options that path names. "*" stands
// for every key of an object or item of a list, a number for one item.
func optionValues(options json.RawMessage, path []string) []string {
	var root any
	if err := json.Unmarshal(options, &root); err != nil {
		return nil // its sender has checked them
	}
	var out []string
	var walk func(v any, path []string)
	walk = func(v any, path []string) {
		if len(path) == 0 {
			if s, ok := v.(string); ok {
				out = append(out, s)
			}
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for k, item := range v {
				if path[0] == "*" || path[0] == k {
					walk(item, path[1:])
				}
			}
		case []any:
			for i, item := range v {
				if path[0] == "*" || path[0] == strconv.Itoa(i) {
					walk(item, path[1:])
				}
			}
		}
	}
	walk(root, path)
	return out
}
