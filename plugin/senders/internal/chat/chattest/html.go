package chattest

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
)

// HTML says what in markup is not as senders write it: elements other than b, i, br and a,
// attributes, links to elsewhere.
func (m Made) HTML(markup string) error {
	z := html.NewTokenizer(strings.NewReader(markup))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return nil
		case html.TextToken:
		case html.StartTagToken, html.EndTagToken:
			if err := m.element(z.Token()); err != nil {
				return err
			}
		default:
			return fmt.Errorf("holds %q", z.Raw())
		}
	}
}

func (m Made) element(t html.Token) error {
	switch {
	case t.Data == "a" && t.Type == html.StartTagToken:
		if len(t.Attr) != 1 || t.Attr[0].Key != "href" {
			return fmt.Errorf("holds the link %s", t)
		}
		if to := t.Attr[0].Val; !m.Leads(to) && !(m.Templates && to == Own) {
			return fmt.Errorf("leads to %s", to)
		}
		return nil
	case (t.Data == "b" || t.Data == "i" || t.Data == "br" || t.Data == "a") && len(t.Attr) == 0:
		return nil
	}
	return fmt.Errorf("holds the element %s", t)
}

// Own is where the templates of tests lead.
const Own = "https://own.example/"
