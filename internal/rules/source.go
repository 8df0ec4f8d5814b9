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

// encode returns what of a rule is kept. Its description is not, and of one that is not
// enabled nothing is.
func encode(r config.Rule) string {
	r.Description = ""
	// Rules are strings, lists and bools: there is nothing that JSON cannot say.
	encoded, _ := json.Marshal(r)
	return string(encoded)
}

// join returns the source of a set of encoded rules, and its hash.
func join(encoded []string) (joined []byte, hash string) {
	joined = fmt.Appendf(nil, `{"v":%d,"rules":[`, sourceVersion)
	for i, r := range encoded {
		if i > 0 {
			joined = append(joined, ',')
		}
		joined = append(joined, r...)
	}
	joined = append(joined, "]}"...)
	sum := sha256.Sum256(joined)
	return joined, hex.EncodeToString(sum[:])
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
