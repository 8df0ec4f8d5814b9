package options

import (
	"encoding/json"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

func TestID(t *testing.T) {
	type room struct{ id string }
	table := Table[room]{Of: "a room", Example: "{id: 1}", Fields: []Field[room]{{
		Name: "id", Missing: "give the room's id", Into: func(r *room) Value { return ID(&r.id, Plain, Filled) },
	}}}
	for raw, want := range map[string]string{
		`{"id":"42"}`: "42", `{"id":42}`: "42", `{"id":0}`: "0", `{"id":"ops/room"}`: "ops/room", `{"id":9007199254740993}`: "9007199254740993",
	} {
		got, faults := table.Read(json.RawMessage(raw), plugin.Egress{})
		if len(faults) > 0 || got.id != want {
			t.Errorf("%s: %+v, %v", raw, got, faults)
		}
	}
	for raw, want := range map[string]string{
		`{"id":""}`:    "is empty; give it a value, or remove it",
		`{"id":"a\n"}`: "holds a line break or another control character; remove it",
		`{"id":1.5}`:   "is neither a text nor a whole number; put its value in quotes",
		`{"id":-1}`:    "is neither a text nor a whole number; put its value in quotes",
		`{"id":[]}`:    "is neither a text nor a whole number; put its value in quotes",
		`{"id":null}`:  "is missing; give the room's id",
	} {
		_, faults := table.Read(json.RawMessage(raw), plugin.Egress{})
		if len(faults) != 1 || faults[0].Path != "id" || faults[0].Message != want {
			t.Errorf("%s: %v, want %s", raw, faults, want)
		}
	}
}
