package chattest

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Markdown is what a sender itself writes of markdown.
type Markdown struct {
	Heading int // level of its headings; 0 where it writes none
	Lists   bool
	Element *regexp.Regexp // a whole tag of HTML; nil where it writes none
}

// Read says what in source is not as the sender writes it: read as CommonMark has it, with
// all that GitHub adds, links of bare addresses too. Of a template's, there may be bold, and
// the link [x](https://own.example/); of the sender's own, the link [Open] to where m leads.
func (w Markdown) Read(m Made, source string) error {
	raw := []byte(source)
	return ast.Walk(gfm.Parse(text.NewReader(raw)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		return ast.WalkContinue, w.ours(n, raw, m)
	})
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()

// ours says what is wrong where the sender did not write n.
func (w Markdown) ours(n ast.Node, source []byte, m Made) error {
	switch n := n.(type) {
	case *ast.Heading:
		if n.Level != w.Heading {
			return fmt.Errorf("a heading of level %d", n.Level)
		}
	case *ast.RawHTML:
		var raw []byte
		for i := range n.Segments.Len() {
			s := n.Segments.At(i)
			raw = append(raw, s.Value(source)...)
		}
		if w.Element == nil || w.Element.FindString(string(raw)) != string(raw) {
			return fmt.Errorf("the element %s", raw)
		}
	case *ast.Link:
		to := string(n.Destination)
		if label := label(n, source); m.Templates && (to != Own || label != "x") || !m.Templates && (label != "Open" || !m.Leads(to)) {
			return fmt.Errorf("a link %q to %s", label, to)
		}
	case *ast.Emphasis:
		if !m.Templates || n.Level != 2 {
			return fmt.Errorf("emphasis %q", label(n, source))
		}
	case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.Text, *ast.String, *ast.Blockquote:
	case *ast.List, *ast.ListItem:
		if !w.Lists {
			return errors.New("a list")
		}
	default:
		return fmt.Errorf("a %s", n.Kind())
	}
	return nil
}

// label is the text within n.
func label(n ast.Node, source []byte) (s string) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			s += string(t.Segment.Value(source))
		} else {
			s += label(c, source)
		}
	}
	return s
}
