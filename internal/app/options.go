package app

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// option is one text among a target's options.
type option struct{ path, value string }

// named returns the texts among a target's options that path names, sorted. "*" stands
// for every key of an object or item of a list, a number for one item. A key may have
// dots in it, as the names of headers may: then path may mean more than one thing, and
// all of them are returned.
func named(options json.RawMessage, path string) []option {
	var root any
	if err := json.Unmarshal(options, &root); err != nil {
		return nil // its sender has said so
	}
	var found []option
	collect(&found, root, "", "."+path)
	slices.SortFunc(found, func(a, b option) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.value, b.value))
	})
	return slices.Compact(found)
}

// collect adds to found the texts that want names within v, which stands at the path at.
// Both begin with a dot, or are empty: at at the root, want where v itself is named.
func collect(found *[]option, v any, at, want string) {
	if want == "" {
		if s, ok := v.(string); ok {
			*found = append(*found, option{strings.TrimPrefix(at, "."), s})
		}
		return
	}
	step := func(key string, item any) {
		for _, name := range []string{"*", key} {
			rest, ok := strings.CutPrefix(want, "."+name)
			if ok && (rest == "" || rest[0] == '.') {
				collect(found, item, at+"."+key, rest)
			}
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
