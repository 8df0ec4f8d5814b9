package config

import _ "embed"

// schema is written by the tests, from the types of this package.
//
//go:embed bellbuoy.schema.json
var schema string

// Schema returns the JSON Schema of a configuration file, for editors to complete,
// explain and check. It refuses nothing that [Parse] and the rest of the program take.
// What it takes may still be wrong: it knows nothing of other parts of the file, of files
// and variables that are named, nor of the order of two lengths of time.
func Schema() string { return schema }
