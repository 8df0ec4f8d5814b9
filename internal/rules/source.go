package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/bellbuoy/bellbuoy/config"
)

// sourceVersion changes when an old source would be read to mean something else.
const sourceVersion = 1

// source is a set as it is kept.
type source struct {
	V     int           `json:"v"`
	Rules []config.Rule `json:"rules"`
}

// encode returns the source of the enabled rules of list, and its hash.
func encode(list []config.Rule) (encoded []byte, hash string) {
	s := source{V: sourceVersion, Rules: []config.Rule{}}
	for _, r := range list {
		if r.Enabled {
			r.Description = ""
			s.Rules = append(s.Rules, r)
		}
	}
	// Rules are strings, lists and bools: there is nothing that JSON cannot say.
	encoded, _ = json.Marshal(s)
	sum := sha256.Sum256(encoded)
	return encoded, hex.EncodeToString(sum[:])
}

// FromSource makes a set again from what [Set.Source] returned. The source of a
// newer bellbuoy, with conditions that this one does not know, is an error.
func FromSource(encoded []byte) (*Set, error) {
	dec := json.NewDecoder(bytes.NewReader(encoded))
	dec.DisallowUnknownFields()
	var s source
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("decode rule set: %w", err)
	}
	if s.V != sourceVersion {
		return nil, fmt.Errorf("decode rule set: it has version %d, this bellbuoy reads %d", s.V, sourceVersion)
	}
	set, faults := Compile(s.Rules)
	if err := faults.Err(); err != nil {
		return nil, fmt.Errorf("compile rule set: %w", err)
	}
	return set, nil
}
