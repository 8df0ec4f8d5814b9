package options

import (
	"encoding/json"
	"strconv"
)

type idValue struct {
	to    *string
	rules []Rule
}

// ID is a text that the rules let through, or a whole number from 0 on, which is how
// people write an id of digits.
func ID(to *string, rules ...Rule) Value { return idValue{to, rules} }

func (v idValue) schema() map[string]any {
	return map[string]any{"type": []any{"string", "integer"}}
}

func (v idValue) read(raw json.RawMessage) []problem {
	var n uint64
	if json.Unmarshal(raw, &n) == nil {
		*v.to = strconv.FormatUint(n, 10)
		return nil
	}
	if json.Unmarshal(raw, v.to) != nil {
		return wrong("is neither a text nor a whole number; put its value in quotes")
	}
	return judge(*v.to, v.rules)
}
