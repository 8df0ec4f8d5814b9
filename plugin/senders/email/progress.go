package email

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// accepted is the code of a recipient whose mail the server has taken on.
const accepted = 250

// progress is what became of a delivery's recipients, over all attempts: by [mark], the
// code of the reply that was final for them. Who is not in it is still to be sent to. With
// [maxRecipients] it stays under [plugin.MaxResume].
type progress map[string]int

// readProgress reads what an earlier attempt left. What cannot be read is nothing: then
// some get the mail twice.
func readProgress(resume []byte) progress {
	p := progress{}
	if json.Unmarshal(resume, &p) != nil || p == nil {
		return progress{}
	}
	return p
}

// resume is for the next attempt; nil where there is nothing to say.
func (p progress) resume() []byte {
	if len(p) == 0 {
		return nil
	}
	b, _ := json.Marshal(p) // a map of numbers always encodes
	return b
}

// mark stands for a mailbox. The options may change between attempts, so that its place
// among the recipients would not do.
func (a address) mark() string {
	sum := sha256.Sum256([]byte(a.mailbox))
	return hex.EncodeToString(sum[:8])
}

// split says who of to has the mail, who was refused, and who is still to get it.
func (p progress) split(to []address) (have, refused, waiting []address) {
	for _, a := range to {
		switch code, ok := p[a.mark()]; {
		case !ok:
			waiting = append(waiting, a)
		case code == accepted:
			have = append(have, a)
		default:
			refused = append(refused, a)
		}
	}
	return have, refused, waiting
}
