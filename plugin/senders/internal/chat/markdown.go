package chat

import (
	"regexp"
	"strings"
)

// EscapeMarkdown makes a value, which is one line, harmless in CommonMark and what GitHub
// adds to it: no emphasis, code, link, image, element or entity, no address that would
// become a link by itself, and nothing that makes a block of the line that it begins.
func EscapeMarkdown(s string) string {
	return Markdown(entity.ReplaceAllString(s, "&amp;$1"), commonMark)
}

// Markdown is EscapeMarkdown for a medium that has its own special characters, which are
// escaped by special.
func Markdown(s string, special *strings.Replacer) string {
	s = special.Replace(Unlink(blanks.ReplaceAllString(s, " ")))
	return item.ReplaceAllString(mark.ReplaceAllString(s, `$1\$2`), `$1\$2$3`)
}

var (
	commonMark = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "<", "&lt;", ">", "&gt;")
	entity     = regexp.MustCompile(`&([#0-9A-Za-z]+;)`)
	blanks     = regexp.MustCompile(`\s{2,}`)
	mark       = regexp.MustCompile(`^( ?)([#+=-])`)
	item       = regexp.MustCompile(`^( ?[0-9]{1,9})([.)])( |$)`)
)
