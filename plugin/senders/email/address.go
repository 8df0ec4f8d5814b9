package email

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
)

// address is a mailbox, in the forms in which a mail needs it.
type address struct {
	name    string // of whom it belongs to; may be ""
	mailbox string // local@domain, the domain in ASCII
	domain  string
	utf8    bool // the local part is not ASCII: only a server with SMTPUTF8 takes it
}

// header is the address as From and To write it. Where it is not ASCII but for its name,
// the header can only be sent with SMTPUTF8.
func (a address) header() string {
	return (&mail.Address{Name: a.name, Address: a.mailbox}).String()
}

// isAddress is an [options.Rule].
func isAddress(s string) string {
	_, problem := readAddress(s)
	return problem
}

// readAddress reads "ops@example.com" or "Ops <ops@example.com>". A local part that needs
// quotes is refused: relays differ in what they make of one, and it has no use here.
func readAddress(s string) (a address, problem string) {
	const form = "write it as ops@example.com or Operations <ops@example.com>"
	parsed, err := mail.ParseAddress(s)
	if err != nil {
		return a, "is not a mail address; " + form
	}
	if len(parsed.Name) > 200 || options.Plain(parsed.Name) != "" {
		return a, "has a name that is too long or holds control characters; give a shorter one"
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	local, domain := parsed.Address[:at], parsed.Address[at+1:]
	if !isDotAtom(local) {
		return a, "has a local part that needs quotes, which many servers refuse; use another address"
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || ascii == "" {
		return a, "has a domain that is no host name; " + form
	}
	a = address{name: parsed.Name, mailbox: local + "@" + ascii, domain: ascii, utf8: !isASCII(local)}
	if len(local) > 64 || len(a.mailbox) > 254 {
		return a, "is longer than a mail address can be; it has at most 64 bytes before the @, and 254 in all"
	}
	return a, ""
}

// isDotAtom reports whether s needs no quotes, also where letters beyond ASCII are allowed.
func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			ascii := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
			if !ascii && (r < utf8.RuneSelf || r == utf8.RuneError || !unicode.IsGraphic(r) || unicode.IsSpace(r)) {
				return false
			}
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
