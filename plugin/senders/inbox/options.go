package inbox

import (
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
)

// target is a target's options, read.
type target struct{ kind, name string }

// maxName bounds a name, in bytes.
const maxName = 200

// table is the options of an inbox.
func table() options.Table[target] {
	return options.Table[target]{
		Of:      "an inbox",
		Example: `{kind: user, name: alice}`,
		Fields: []options.Field[target]{
			{
				Name: "kind", Description: "whose inbox it is: that of a user, or of a team or an organization, which each of its people reads for himself",
				Into: func(t *target) options.Value { return options.OneOf(&t.kind, "user", "team", "organization") },
			},
			{
				Name: "name", Description: "of that user, team or organization",
				Missing: "give the name of the user, team or organization",
				Into:    func(t *target) options.Value { return options.Text(&t.name, options.Filled, options.Plain, short) },
			},
		},
	}
}

func short(name string) string {
	if len(name) > maxName || !utf8.ValidString(name) {
		return "is longer than 200 bytes, or no text; shorten it"
	}
	return ""
}
