package email

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
)

// maxSubject bounds a subject, in characters.
const maxSubject = 200

// letter is what a mail says, before it is put into a form.
type letter struct {
	message.Brief
	// Body is the operator's text, or the message as the host rendered it; it takes the
	// place of all of the brief but its title and level.
	Body   string
	Event  event.Type
	Target string
	ID     string
	// thread names what the mail is about, where several mails may be; see [letter.references].
	thread string
}

// letter makes what is said of d.
func (s *sender) letter(ctx context.Context, d plugin.Delivery) (*letter, error) {
	e, err := d.DecodeEvent()
	if err != nil {
		return nil, plugin.Permanent(err)
	}
	l := &letter{Brief: message.BriefOf(e), Event: e.Type, Target: d.Target, ID: d.ID}
	if hostOf(l.Link) == "" {
		l.Link = ""
	}
	if e.Artifact != nil && e.Artifact.Digest != "" && e.Repository != nil {
		l.thread = strings.Join([]string{e.Registry.Name, e.Repository.FullName, e.Artifact.Digest}, "\n")
	}
	if d.Body != nil {
		l.Body = lines(string(d.Body))
	}
	if d.Template != "" {
		if l.Body, err = s.templates.Text(ctx, d); err != nil {
			return nil, err
		}
		l.Body = lines(l.Body)
	}
	if d.Title != "" {
		title, err := s.templates.Title(ctx, d)
		if err != nil {
			return nil, err
		}
		if title = message.Plain(title); title != "" {
			l.Title = title
		}
	}
	l.Title = shorten(l.Title, maxSubject)
	return l, nil
}

// lines is s with what a mail's text may hold only, printable characters and line breaks,
// and none of these at its end.
func lines(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	all := strings.Split(s, "\n")
	for i, line := range all {
		all[i] = strings.TrimRight(message.Plain(line), " ")
	}
	return strings.TrimRight(strings.Join(all, "\n"), "\n")
}

// shorten is at most n characters of s.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
