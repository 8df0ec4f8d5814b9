package api

import (
	"context"
	"fmt"
	"strconv"
)

// What many inputs have.
type (
	// ByID takes the one that the path names.
	ByID struct {
		ID string `path:"id" doc:"As the lists have it."`
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
)

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
