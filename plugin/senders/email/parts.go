package email

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/bellbuoy/bellbuoy/plugin/message"
)

// text is the letter for readers of plain text.
func (l *letter) text() string {
	var b strings.Builder
	b.WriteString(l.Title + "\n\n")
	if l.Body != "" {
		b.WriteString(l.Body + "\n\n")
	} else {
		l.brief(&b)
	}
	fmt.Fprintf(&b, "-- \n%s\n", l.footer())
	return b.String()
}

// brief writes what is known: facts, the source's own words, where to see more.
func (l *letter) brief(b *strings.Builder) {
	width := 0
	for _, f := range l.Facts {
		if n := utf8.RuneCountInString(f.Name); n <= 24 {
			width = max(width, n)
		}
	}
	for _, f := range l.Facts {
		fmt.Fprintf(b, "%-*s  %s\n", width+1, f.Name+":", f.Value)
	}
	if len(l.Facts) > 0 {
		b.WriteString("\n")
	}
	if l.Text != "" {
		b.WriteString(l.Text + "\n\n")
	}
	if l.Link != "" {
		b.WriteString(l.Link + "\n\n")
	}
}

// footer says where the mail comes from, for who wonders.
func (l *letter) footer() string {
	return message.Plain(fmt.Sprintf("bellbuoy, target %s, %s, delivery %s", l.Target, l.Event, l.ID))
}

//go:embed mail.html
var page string

// look is how a level shows, to the eye and in a word.
type look struct{ Word, Color string }

func lookOf(level message.Level) look {
	switch level {
	case message.Good:
		return look{"All is well", "#15803d"}
	case message.Warning:
		return look{"Worth a look", "#b45309"}
	case message.Bad:
		return look{"Needs attention", "#b91c1c"}
	}
	return look{"For your information", "#1d4ed8"}
}

// writer makes the HTML of letters.
type writer struct{ page *template.Template }

func newWriter() writer {
	return writer{template.Must(template.New("mail").Parse(page))}
}

// html is the letter for readers of HTML: one that loads nothing, and in which no value is
// markup. Its one link is the brief's, and shows the host that it leads to.
func (w writer) html(l *letter) (string, error) {
	var b bytes.Buffer
	err := w.page.Execute(&b, struct {
		*letter
		Look         look
		Host, Footer string
	}{l, lookOf(l.Level), hostOf(l.Link), l.footer()})
	if err != nil {
		return "", fmt.Errorf("make the HTML of the mail: %w", err)
	}
	return b.String(), nil
}

// hostOf is the host that a link leads to, in ASCII, so that no letter of another script
// can stand for one of ours; "" where it names none that can be.
func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return u.Host
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil || host == "" {
		return ""
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return host
}
