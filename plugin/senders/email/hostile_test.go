package email

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/hostile"
)

// shape is what a browser makes of a page: its elements and their attributes, in order,
// without their texts.
func shape(t *testing.T, page string) (elements []string, links []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.CommentNode:
			t.Errorf("a comment: %.100q", n.Data)
		case html.ElementNode:
			var attributes []string
			for _, a := range n.Attr {
				if a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "background" {
					links = append(links, a.Val)
				}
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s>", n.Data, a.Key)
				}
				attributes = append(attributes, a.Key)
			}
			elements = append(elements, n.Data+" "+strings.Join(attributes, " "))
		}
	}
	return elements, links
}

// same reports whether a link of the web leads where another does.
func same(link, want string) bool {
	a, err := url.Parse(link)
	b, wrong := url.Parse(want)
	return err == nil && wrong == nil && (a.Scheme == "https" || a.Scheme == "http") &&
		a.Scheme == b.Scheme && a.Host == b.Host && a.Path == b.Path && a.Query().Encode() == b.Query().Encode()
}

// headers are those that a mail has, References where there is an artifact.
func headers() []string {
	return []string{
		"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "References", "Subject", "To",
		"User-Agent", "X-Auto-Response-Suppress", "X-Bellbuoy-Event", "X-Bellbuoy-Level", "X-Bellbuoy-Target",
	}
}

// Whatever strangers choose as names: a mail has our headers and no others, two parts, no
// element, link or script but ours, and no character that is not seen.
func TestHostileNames(t *testing.T) {
	s := New("1").(*sender)
	target, faults := table().Read(json.RawMessage(`{"host":"h","from":"a@example.com","to":["b@example.com"]}`), plugin.Egress{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	allowed := map[string]bool{}
	for _, e := range hostile.Events("harmless") {
		l, err := s.letter(t.Context(), delivery(t, e, nil))
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.writer.html(l)
		if err != nil {
			t.Fatal(err)
		}
		elements, _ := shape(t, page)
		for _, e := range elements {
			allowed[e] = true
		}
	}
	n := 0
	for turn, text := range hostile.Texts() {
		events := hostile.Events(text.Text)
		step := 8 // each type has its turn, with each group of texts
		if len(text.Text) > 1000 {
			step = len(events) // they take their time, and are cut to the same
		}
		for i, e := range events {
			if (turn+i)%step != 0 && i != len(events)-1 {
				continue
			}
			raw, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			d := plugin.Delivery{ID: "d-1", Target: "ops", Type: "email", Event: raw}
			if n++; n%7 == 0 { // by the operator's templates too
				d.Title, d.Template = "{{.type}} {{.repository.full_name}} {{.actor.name}}", "{{.repository.full_name}}\n{{join \", \" .artifact.tags}}\nby {{.actor.name}}"
			}
			if n%11 == 0 {
				d.Body = []byte(text.Text)
			}
			l, err := s.letter(t.Context(), d)
			if err != nil && len(text.Text) > 1000 {
				continue // the template would make too much of it
			}
			if err != nil {
				t.Fatalf("%s: %v", text.Name, err)
			}
			m, err := s.writer.compose(l, target, target.to, "1", time.Unix(0, 0))
			if err != nil {
				t.Fatalf("%s: %v", text.Name, err)
			}
			r := read(t, m.bytes())
			for name, values := range r.header {
				if len(values) != 1 || !slices.Contains(headers(), name) {
					t.Errorf("%s: header %s: %q", text.Name, name, values)
				}
			}
			if r.subject != l.Title || strings.TrimSpace(r.subject) == "" {
				t.Errorf("%s: subject %q, want %q", text.Name, r.subject, l.Title)
			}
			for _, seen := range []string{r.subject, r.text, r.html} {
				if i := strings.IndexFunc(seen, unseen); i >= 0 {
					t.Errorf("%s: %.20q is not seen", text.Name, seen[i:])
				}
			}
			if strings.ContainsAny(r.subject, "\n\r") {
				t.Errorf("%s: subject %q", text.Name, r.subject)
			}
			elements, links := shape(t, r.html)
			for _, e := range elements {
				if !allowed[e] {
					t.Errorf("%s: element %s", text.Name, e)
				}
			}
			for _, link := range links {
				if !same(link, l.Link) {
					t.Errorf("%s: link %q", text.Name, link)
				}
			}
			if t.Failed() {
				t.Fatalf("%s: %.200q in %s", text.Name, text.Text, e.Type)
			}
		}
	}
	if n < 200*5 {
		t.Errorf("%d mails", n)
	}
}

// unseen reports a character that is not to be in a mail: what controls, and what turns the
// direction of writing.
func unseen(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// What is sent survives a real server's reading too: dots at the beginning of lines, its
// bound on a line's length, and commands within the text.
func TestHostileNamesThroughAServer(t *testing.T) {
	r := (&relay{}).start(t, nil, false)
	s := New("1").(*sender)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sent := 0
	for _, text := range hostile.Texts() {
		if !strings.HasPrefix(text.Name, "header") && !strings.HasPrefix(text.Name, "long") && !strings.HasPrefix(text.Name, "control") {
			continue
		}
		if len(text.Text) > 12_000 {
			continue
		}
		events := hostile.Events(text.Text)
		d := delivery(t, events[len(events)-1], r.options(nil))
		d.Template = text.Text + "\n.\nMAIL FROM:<x>\n"
		if _, err := s.Send(ctx, d); err != nil {
			t.Fatalf("%s: %v", text.Name, err)
		}
		sent++
		l, err := s.letter(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		mails := r.received()
		got := read(t, mails[len(mails)-1].data)
		if len(mails) != sent || got.text != l.text() || got.subject != l.Title {
			t.Fatalf("%s: %d mails; %.200q, want %.200q", text.Name, len(mails), got.text, l.text())
		}
	}
}

// A header's value is one line of a safe length and reads as what it was.
func TestUnstructured(t *testing.T) {
	for _, s := range []string{
		"", "a", " a", "a ", "a  b", strings.Repeat("x", 3000), strings.Repeat("word ", 40) + "end", strings.Repeat("größe ", 50) + "x",
		"=?utf-8?q?x?=", "a =?utf-8?b?eA==?= b", strings.Repeat("漢", 400), strings.Repeat("😀", 300), "tab\tin", "x: y", strings.Repeat("a", 56) + " " + strings.Repeat("b", 56),
	} {
		raw := "Subject: " + unstructured(len("Subject: "), s) + "\r\n\r\nbody"
		header, _, _ := strings.Cut(raw, "\r\n\r\n")
		for line := range strings.SplitSeq(header, "\r\n") {
			if len(line) > 78 || strings.TrimSpace(line) == "" {
				t.Errorf("%.40q: a line of %d bytes: %q", s, len(line), line)
			}
		}
		m := readHeader(t, raw)
		if m != s {
			t.Errorf("%.60q became %.60q", s, m)
		}
	}
}
