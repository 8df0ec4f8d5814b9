package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// What many inputs have.
type (
	// ByID takes the one that the path names.
	ByID struct {
		ID string `path:"id" doc:"As the lists have it."`
	}
	// ByName takes the one that the path names.
	ByName struct {
		Name string `path:"name" doc:"As the lists have it."`
	}
	// Limited bounds a list.
	Limited struct {
		Limit int `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"How many at most."`
	}
	// Paging goes through a list page by page.
	Paging struct {
		Limited
		Before string `query:"before" doc:"A cursor: what is listed is what comes behind it. The Link header of a page has that of the next one."`
	}
	// nothing is an input that asks nothing.
	nothing struct{}
)

// body is an answer that is nothing but its body.
type body[T any] struct {
	Body T
}

// page is one page of a list.
type page[T any] struct {
	Link string `header:"Link" doc:"Where the next page is, with rel=next; absent where there is none."`
	Body []T
}

// next is the Link header of a page that ends at cursor: the same question, from there on,
// with the values of set in the place of its own.
func (p Paging) next(ctx context.Context, cursor string, set map[string]string) string {
	u := asked(ctx)
	v := u.Query()
	for name, value := range set {
		v.Set(name, value)
	}
	v.Set("limit", strconv.Itoa(p.Limit))
	v.Set("before", cursor)
	return fmt.Sprintf("<%s?%s>; rel=\"next\"", u.Path, v.Encode())
}

// faults are what is wrong with what was asked.
type faults []objects.Fault

// add notes err, of what path names, unless it is nil.
func (f *faults) add(path string, err error) {
	if err != nil {
		*f = append(*f, objects.Fault{Path: path, Message: err.Error()})
	}
}

// err answers 400 with all of them, nil where there are none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f.problem()
}

func (f faults) problem() *problem {
	all := make([]string, len(f))
	for i, one := range f {
		if all[i] = one.Message; one.Path != "" {
			all[i] = one.Path + ": " + one.Message
		}
	}
	p := problemf(http.StatusBadRequest, "%s", strings.Join(all, "; "))
	if len(f) > 1 || f[0].Path != "" {
		p.Errors = f
	}
	return p
}

// wrong answers 400 for what path names.
func wrong(path, format string, args ...any) error {
	return faults{{Path: path, Message: fmt.Sprintf(format, args...)}}.problem()
}
