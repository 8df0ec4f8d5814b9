package chat

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/message"
)

// Quiet is s as plain text on one line, in which nobody is called: "@all", and what else
// chats take for everyone, has another sign for its at. A single person's name is left,
// since media call people only by markup, which their escapers undo.
func Quiet(s string) string {
	s = message.Plain(s)
	if !strings.Contains(s, "@") {
		return s
	}
	return everyone.ReplaceAllString(s, "＠$1")
}

// everyone are the words that call all who are in a room, or all who are there.
var everyone = regexp.MustCompile(`(?i)@([\pZ\s\x{200c}\x{200d}]*(?:all|here|channel|everyone|room|team|group|所有人|全体成员))`)

// quiet is a brief that calls nobody, and whose link is safe within any markup.
func quiet(b message.Brief) message.Brief {
	b.Title, b.Text, b.Link = Quiet(b.Title), Quiet(b.Text), address(b.Link)
	for i := range b.Facts {
		b.Facts[i].Name, b.Facts[i].Value = Quiet(b.Facts[i].Name), Quiet(b.Facts[i].Value)
	}
	return b
}

// address is a link of nothing but what no markup has a use for: the rest is percent-encoded.
// It names no user, who could look like a host, and is "" where its host is none or where
// it is too long to be opened.
func address(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return ""
	}
	u.User = nil
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && !host.MatchString(u.Host) {
		return ""
	}
	s, at := u.String(), 0
	if strings.HasPrefix(u.Host, "[") {
		at = strings.IndexByte(s, ']') + 1
	}
	if s = s[:at] + encode(s[at:]); len(s) > maxAddress {
		return ""
	}
	return s
}

// maxAddress is the length beyond which not every browser goes.
const maxAddress = 2000

// host are those of names or IPv4 addresses, with a port or without.
var host = regexp.MustCompile(`^[\pL\pN._-]+(?::[0-9]+)?$`)

// encode leaves letters, digits and what an address needs.
func encode(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~:/?#$&+,=%", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// Filled is s without the blanks around it, or a dash where nothing is left: some media
// refuse a message with an empty text in it.
func Filled(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "–"
	}
	return s
}

// Unlink is s without what a medium would make links of by itself: addresses of the web
// and of mail look as before, and are none. It is for media in which nothing else
// prevents that.
func Unlink(s string) string {
	s = strings.ReplaceAll(s, "://", ":∕∕")
	s = www.ReplaceAllString(s, "$1․")
	return mail.ReplaceAllString(s, "＠$1")
}

var (
	www  = regexp.MustCompile(`(?i)(www)\.`)
	mail = regexp.MustCompile(`@([\pL\pN_-]+\.)`)
)
