package dingtalk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What strangers chose is text in the card, and no markup: as CommonMark has it, with all
// that GitHub adds, links of bare addresses too.
func TestHostileNames(t *testing.T) {
	const template = "**{{.actor.name}}** [x](https://own.example/)\n{{.repository.full_name}}\n\n{{join `, ` .artifact.tags}}\n\n> {{.build.error}}"
	options := map[string]any{"url": "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef", "secret": "SEC0123456789abcdef"}
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM))
	chattest.Hostile(t, New, options, template, func(m chattest.Made) error {
		if len(m.Body) > 20_000 {
			return fmt.Errorf("%d bytes", len(m.Body))
		}
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var c card
		if err := dec.Decode(&c); err != nil {
			return err
		}
		if c.Type != "markdown" || c.Markdown.Title == "" || strings.Contains(c.Markdown.Title, "\n") {
			return errors.New("is no card with a title")
		}
		source := []byte(c.Markdown.Text)
		return ast.Walk(parser.Parser().Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			return ast.WalkContinue, ours(n, source, m)
		})
	})
}

// ours says what is wrong where n is no part of our card.
func ours(n ast.Node, source []byte, m chattest.Made) error {
	switch n := n.(type) {
	case *ast.Heading:
		if n.Level != 4 {
			return fmt.Errorf("a heading of level %d", n.Level)
		}
	case *ast.RawHTML:
		var raw []byte
		for i := range n.Segments.Len() {
			s := n.Segments.At(i)
			raw = append(raw, s.Value(source)...)
		}
		if s := string(raw); s != "</font>" && !(strings.HasPrefix(s, "<font color=#") && len(s) == len("<font color=#d93026>")) {
			return fmt.Errorf("the element %s", s)
		}
	case *ast.Link:
		to := string(n.Destination)
		if label := label(n, source); m.Templates && (to != chattest.Own || label != "x") || !m.Templates && (label != "Open" || !m.Leads(to)) {
			return fmt.Errorf("a link %q to %s", label, to)
		}
	case *ast.Emphasis:
		if !m.Templates || n.Level != 2 {
			return fmt.Errorf("emphasis %q", label(n, source))
		}
	case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.Text, *ast.String, *ast.List, *ast.ListItem, *ast.Blockquote:
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

// Names as they are look as they are.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"prod/api:v1.2.3-rc.1+build": "prod/api:v1.2.3-rc.1+build",
		"sha256:5f5f & more":         "sha256:5f5f & more",
		"my_app*":                    `my\_app\*`,
		"&lt;b&gt; &copy":            "&amp;lt;b&amp;gt; &copy",
		"# x":                        `\# x`,
		" - x":                       ` \- x`,
		"12. x":                      `12\. x`,
		"1.25":                       "1.25",
		"https://x.example":          "https:∕∕x.example",
		"a  b":                       "a b",
		`\*`:                         `\\\*`,
	} {
		if got := escape(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
