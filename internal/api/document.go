package api

import (
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaName names the schema of a type in the document: as the type is named, behind its
// package where that is not one of those that the API is about.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Page")
	switch pkg := path.Base(t.PkgPath()); pkg {
	case ".", "api", "store", "rules":
		return name
	case "event":
		if name == "Event" {
			return name
		}
		fallthrough
	default:
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
}
