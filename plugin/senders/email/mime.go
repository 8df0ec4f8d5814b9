package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"time"
	"unicode/utf8"
)

// field is one of a mail's headers, folded.
type field struct{ name, value string }

// composed is a letter in the form of RFC 5322: ASCII, in lines of at most 78 bytes but for
// addresses, which may be longer.
type composed struct {
	fields []field
	body   []byte // from behind the empty line on
}

// compose makes the mail that carries l from t's sender to the addresses of to. It is the
// same for each attempt but for its date.
func (w writer) compose(l *letter, t *target, to []address, version string, now time.Time) (*composed, error) {
	html, err := w.html(l)
	if err != nil {
		return nil, err
	}
	m := &composed{}
	sum := sha256.Sum256([]byte(l.ID))
	boundary := "bellbuoy-" + hex.EncodeToString(sum[:16]) // no value can know it
	if m.body, err = alternatives(boundary, "text/plain", l.text(), "text/html", html); err != nil {
		return nil, err
	}
	add := func(name, value string) { m.fields = append(m.fields, field{name, value}) }
	list := make([]string, len(to))
	for i, a := range to {
		list[i] = a.header()
	}
	add("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	add("From", t.from.header())
	add("To", strings.Join(list, ",\r\n "))
	add("Message-ID", "<"+l.id()+"@"+t.from.domain+">")
	if l.thread != "" {
		add("References", l.references(t.from.domain))
	}
	add("Subject", unstructured(len("Subject: "), l.Title))
	add("Auto-Submitted", "auto-generated") // RFC 3834: no holiday replies
	add("X-Auto-Response-Suppress", "All")  // the same to Exchange
	for _, f := range []field{
		{"User-Agent", "bellbuoy/" + version},
		{"X-Bellbuoy-Target", l.Target},
		{"X-Bellbuoy-Event", string(l.Event)},
		{"X-Bellbuoy-Level", string(l.Level)},
	} {
		add(f.name, unstructured(len(f.name)+2, f.value))
	}
	add("MIME-Version", "1.0")
	add("Content-Type", "multipart/alternative;\r\n boundary=\""+boundary+"\"")
	return m, nil
}

// bytes is the mail as it is sent.
func (m *composed) bytes() []byte {
	var b bytes.Buffer
	for _, f := range m.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.name, f.value)
	}
	b.WriteString("\r\n")
	b.Write(m.body)
	return b.Bytes()
}

// id is the left side of the Message-ID: the delivery's id, so that a receiver can tell
// repeats by it.
func (l *letter) id() string {
	if len(l.ID) <= 64 && isDotAtom(l.ID) && isASCII(l.ID) {
		return l.ID
	}
	sum := sha256.Sum256([]byte(l.ID))
	return hex.EncodeToString(sum[:16])
}

// references makes one conversation of the mails about the same artifact: its push, its
// scan, what was found in it. They refer to a mail that there never was, as RFC 5322
// allows: which of them comes first is not known, and none is an answer to another.
func (l *letter) references(domain string) string {
	sum := sha256.Sum256([]byte(l.thread))
	return "<artifact." + hex.EncodeToString(sum[:12]) + "@" + domain + ">"
}

// alternatives are the parts of a mail, each a media type and its text, the best last.
func alternatives(boundary string, parts ...string) ([]byte, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		return nil, fmt.Errorf("set the boundary of the mail: %w", err)
	}
	for i := 0; i < len(parts); i += 2 {
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Type":              {parts[i] + "; charset=utf-8"},
			"Content-Transfer-Encoding": {"quoted-printable"},
		})
		if err != nil {
			return nil, fmt.Errorf("make a part of the mail: %w", err)
		}
		q := quotedprintable.NewWriter(part)
		if _, err := q.Write([]byte(parts[i+1])); err != nil {
			return nil, fmt.Errorf("encode a part of the mail: %w", err)
		}
		if err := q.Close(); err != nil {
			return nil, fmt.Errorf("encode a part of the mail: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the parts of the mail: %w", err)
	}
	return b.Bytes(), nil
}

// maxLine is how long a line of a header gets.
const maxLine = 76

// unstructured is s as the value of a header whose name takes used bytes: as it is where
// that is safe, else in encoded words (RFC 2047). A value that looks like an encoded word
// is one of the unsafe: readers would decode it.
func unstructured(used int, s string) string {
	if s == "" || !printable(s) || strings.Contains(s, "=?") || s != strings.Trim(s, " ") {
		return encodedWords(s)
	}
	var b strings.Builder
	for i, word := range strings.Split(s, " ") {
		switch {
		case len(word) > maxLine-20 || word == "": // it would not fit into a line, or get lost between two
			return encodedWords(s)
		case i > 0 && used+1+len(word) > maxLine:
			b.WriteString("\r\n ")
			used = 1
		case i > 0:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String()
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// encodedWords is s in words so short that each has a line, whatever the header's name.
func encodedWords(s string) string {
	var words []string
	s = strings.ToValidUTF8(s, "\uFFFD")
	for s != "" {
		n := 0
		for _, r := range s {
			if n+utf8.RuneLen(r) > 30 {
				break
			}
			n += utf8.RuneLen(r)
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, "\r\n ")
}
