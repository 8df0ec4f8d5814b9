package chat

import (
	"encoding/json"
	"fmt"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// Codes are the answers of those who say in JSON what went wrong, by a number, whatever the
// status.
type Codes struct {
	Vendor string   // who answers: "DingTalk"
	Number []string // what the number is called; the first that is there counts
	Words  string   // what the text beside it is called
	// Verdict says what a number other than 0 means.
	Verdict func(number int, words string, r post.Reply) (plugin.Scope, error)
}

// Judge is a [post.Judge]: the number decides, and the status where there is none, or where
// it denies a 0. An answer 200 without a number is not the vendor's but a proxy's page,
// say, or nothing: it says nothing of the message, which is tried again.
func (c Codes) Judge(r post.Reply) (plugin.Scope, error) {
	number, words, found := c.read(r.Body)
	if found && number != 0 {
		return c.Verdict(number, words, r)
	}
	if r.Status < 200 || r.Status > 299 {
		return post.ByStatus(r)
	}
	if !found {
		return "", fmt.Errorf("the target answered %d without %s, which is not as %s answers", r.Status, c.Number[0], c.Vendor)
	}
	return "", nil
}

// read finds the number and the words beside it.
func (c Codes) read(body []byte) (number int, words string, found bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return 0, "", false
	}
	for _, name := range c.Number {
		var n *int
		if raw, ok := fields[name]; ok && json.Unmarshal(raw, &n) == nil && n != nil {
			_ = json.Unmarshal(fields[c.Words], &words) // "" where they are none
			return *n, words, true
		}
	}
	return 0, "", false
}
