package options

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

func TestCommand(t *testing.T) {
	type target struct{ argv []string }
	table := Table[target]{Of: "a test", Example: "{}", Fields: []Field[target]{
		{Name: "command", Missing: "give it", Into: func(t *target) Value { return Command(&t.argv) }},
	}}
	const whole, null = "is no whole path; begin with /", "holds a null character; remove it"
	for raw, want := range map[string][]plugin.Fault{
		`["/bin/sh","-c","a\nb",""]`:       nil,
		`["sh"]`:                           {{Path: "command.0", Message: whole}},
		`["bin/sh","a\u0000"]`:             {{Path: "command.1", Message: null}, {Path: "command.0", Message: whole}},
		`["/bin/sh\u0000"]`:                {{Path: "command.0", Message: null}},
		`[""]`:                             {{Path: "command.0", Message: whole}},
		`[7,"x"]`:                          {{Path: "command.0", Message: "is not a text; put its value in quotes"}},
		`[]`:                               {{Path: "command", Message: "is an empty list; it has at least 1"}},
		`"/bin/sh"`:                        {{Path: "command", Message: "is not a list; write it as [a, b]"}},
		`{"0":"/bin/sh"}`:                  {{Path: "command", Message: "is not a list; write it as [a, b]"}},
		`["/bin/sh",null,["nested"],"ok"]`: {{Path: "command.1", Message: "is not a text; put its value in quotes"}, {Path: "command.2", Message: "is not a text; put its value in quotes"}},
	} {
		if _, got := table.Read(json.RawMessage(`{"command":`+raw+`}`), plugin.Egress{}); !cmp.Equal(want, got) {
			t.Errorf("%s: %s", raw, cmp.Diff(want, got))
		}
	}
}
