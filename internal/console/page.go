package console

import (
	"bytes"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

// page is what is to be shown.
type page struct {
	file   string // of pages/, without .html
	title  string
	data   any
	status int  // 0 = 200
	bare   bool // a part of a page, which stands there already
}

// pageFunc makes a page for a request. Its errors are shown as a page too.
type pageFunc func(r *http.Request) (page, error)

// frame is what stands around each page.
type frame struct {
	Title   string
	Section string // the first part of the address, by which the menu knows where it is
	Who     access.Identity
	Edits   bool // who looks may change something
	Admin   bool
	Unread  int
	Done    string // what a form before this page has done
	Version string
	Data    any
}

// parse reads the pages. What is wrong with them is wrong in the program.
func parse() map[string]*template.Template {
	all, err := files.ReadDir("pages")
	if err != nil {
		panic(err)
	}
	base := template.Must(template.New("").Funcs(functions()).ParseFS(files, "pages/_*.html"))
	out := map[string]*template.Template{}
	for _, f := range all {
		name := strings.TrimSuffix(f.Name(), ".html")
		if strings.HasPrefix(name, "_") {
			continue
		}
		out[name] = template.Must(template.Must(base.Clone()).ParseFS(files, path.Join("pages", f.Name())))
	}
	return out
}

// page serves what f makes.
func (s *console) page(f pageFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := f(r)
		if err != nil {
			p = s.failed(r, err)
		}
		s.show(w, r, p)
	})
}

// show writes a page: whole, or, where something went wrong with it, that and nothing else.
func (s *console) show(w http.ResponseWriter, r *http.Request, p page) {
	who := access.From(r.Context())
	f := frame{
		Title: p.title, Section: section(r.URL.Path), Who: who, Version: s.Version, Data: p.data,
		Edits: who.Role.Covers(access.Editor), Admin: who.Role.Covers(access.Admin), Done: done()[r.URL.Query().Get("done")],
	}
	what := "content"
	if !p.bare {
		what = "layout"
		if unread, err := s.api.Unread(r.Context(), ""); err == nil { // a page without the bell is better than none
			f.Unread = unread
		}
	}
	var b bytes.Buffer
	if err := s.pages[p.file].ExecuteTemplate(&b, what, f); err != nil {
		s.Log.ErrorContext(r.Context(), "make page", "page", p.file, "error", err)
		http.Error(w, "this page could not be made; bellbuoy's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.status != 0 {
		w.WriteHeader(p.status)
	}
	_, _ = b.WriteTo(w) // an error here is a caller that went away
}

// failed is the page about an error.
func (s *console) failed(r *http.Request, err error) page {
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		return page{file: "error", title: titleOf(problem.Status), data: problem.Error(), status: problem.Status}
	}
	s.Log.ErrorContext(r.Context(), "make page", "path", r.URL.Path, "error", err)
	return page{file: "error", title: titleOf(http.StatusInternalServerError), data: "bellbuoy could not answer; its log says why.", status: http.StatusInternalServerError}
}

func titleOf(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Not here"
	case http.StatusForbidden:
		return "Not for you"
	case http.StatusBadRequest:
		return "Not understood"
	}
	return "That went wrong"
}

// nothing is the page of an address that there is not.
func (s *console) nothing(r *http.Request) (page, error) {
	return page{}, &client.Problem{Status: http.StatusNotFound, Detail: "There is no page at this address."}
}

// section is the first part of a path.
func section(p string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return first
}

// done are the sentences about what a form has done, by the word in the address. An address
// can be made by anybody, and says nothing else.
func done() map[string]string {
	return map[string]string{
		"again":     "It is on its way again.",
		"read":      "All is marked as read.",
		"reset":     "The target was reset: what waited for it is being delivered.",
		"disabled":  "The target is disabled: what comes for it is kept.",
		"enabled":   "It is enabled.",
		"off":       "The rule is switched off.",
		"saved":     "Saved, and in use.",
		"deleted":   "Deleted.",
		"restarted": "The sender was started anew.",
	}
}

// sortedKeys are the keys of m in their order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
