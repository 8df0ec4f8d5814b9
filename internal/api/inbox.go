package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) inboxOps() {
	handle(s, op{
		route: "GET /api/v1/inbox", role: access.Viewer, noun: "inbox",
		summary: "List what people are told, the newest first",
	}, s.inbox)
	handle(s, op{
		route: "GET /api/v1/inbox/{id}", role: access.Viewer, noun: "inbox",
		summary: "Show one notice", detail: "To look at it does not mark it.",
	}, s.notice)
	handle(s, op{
		route: "GET /api/v1/inbox/unread", role: access.Viewer, noun: "inbox",
		summary: "Count what is not read",
	}, s.unread)
	handle(s, op{
		route: "POST /api/v1/inbox/read", role: access.Editor, noun: "inbox",
		summary: "Mark all as read, or all up to one notice",
		errors:  []int{http.StatusNotFound},
	}, s.markAll)
	handle(s, op{
		route: "POST /api/v1/inbox/{id}/read", role: access.Editor, noun: "inbox",
		summary: "Mark one notice as read",
	}, s.mark(true))
	handle(s, op{
		route: "POST /api/v1/inbox/{id}/unread", role: access.Editor, noun: "inbox",
		summary: "Mark one notice as unread",
	}, s.mark(false))
}

// operator is who reads where nobody is named: the one who may use this machine, and so
// sees every inbox that there is.
const operator = "operator"

// reader is who reads: who asks, or the user that an admin names. Of programs of this machine
// nobody knows more than what they say: they read as anybody, and as the [operator] where
// they name nobody.
func (s *server) reader(ctx context.Context, user string) (store.Reader, error) {
	if len(user) > maxBy || strings.ContainsFunc(user, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return store.Reader{}, wrong("user", "write a name in one line of at most %d bytes", maxBy)
	}
	user, err := ownOr(ctx, user, "inbox")
	id := access.From(ctx)
	switch {
	case err != nil:
		return store.Reader{}, err
	case user != "" && user != id.Name:
		return store.Reader{Person: user, Inboxes: s.Inboxes(user, nil)}, nil
	case id.Name != "":
		return store.Reader{Person: id.Name, Inboxes: s.Inboxes(id.Name, id.Groups)}, nil
	}
	return store.Reader{Person: operator, All: true}, nil
}

// AsUser reads as somebody.
type AsUser struct {
	User string `query:"user" doc:"Who reads, where an admin or a program on this machine reads as somebody else. Left out, it is who asks; of a program on this machine, the operator, who sees every inbox."`
}

// inbox lists what the reader is told, the newest first.
func (s *server) inbox(ctx context.Context, in *struct {
	AsUser
	Unread bool   `query:"unread" doc:"Only what is not read."`
	Level  string `query:"level" doc:"info, good, warning or bad."`
	Paging
}) (*page[store.Notice], error) {
	reader, err := s.reader(ctx, in.User)
	if err != nil {
		return nil, err
	}
	list, err := s.Store.Notices(ctx, store.NoticeQuery{Reader: reader, Unread: in.Unread, Level: in.Level, Before: in.Before, Limit: in.Limit})
	out := &page[store.Notice]{Body: list}
	if err == nil && len(list) == in.Limit {
		out.Link = in.next(ctx, list[len(list)-1].Cursor, nil)
	}
	return out, err
}

// notice shows one of them. To look at it does not mark it.
func (s *server) notice(ctx context.Context, in *struct {
	ByID
	AsUser
}) (*body[store.Notice], error) {
	reader, err := s.reader(ctx, in.User)
	if err != nil {
		return nil, err
	}
	n, err := s.Store.Notice(ctx, reader, in.ID)
	return &body[store.Notice]{n}, noNotice(err, in.ID, reader)
}

// unread counts what the reader has not read.
func (s *server) unread(ctx context.Context, in *struct{ AsUser }) (*body[store.UnreadCount], error) {
	reader, err := s.reader(ctx, in.User)
	if err != nil {
		return nil, err
	}
	n, err := s.Store.Unread(ctx, reader)
	return &body[store.UnreadCount]{n}, err
}

// MarkRequest says who reads.
type MarkRequest struct {
	User string `json:"user,omitempty" doc:"Who reads, where an admin or a program on this machine reads as somebody else. Left out, it is who asks; of a program on this machine, the operator, who sees every inbox."`
}

type markInput struct {
	ByID
	Body MarkRequest
}

// mark marks one notice as read by the reader, or as unread, and answers with it.
func (s *server) mark(read bool) func(context.Context, *markInput) (*body[store.Notice], error) {
	return func(ctx context.Context, in *markInput) (*body[store.Notice], error) {
		reader, err := s.reader(ctx, in.Body.User)
		if err != nil {
			return nil, err
		}
		n, err := s.Store.Mark(ctx, reader, in.ID, read)
		return &body[store.Notice]{n}, noNotice(err, in.ID, reader)
	}
}

type markAllRequest struct {
	MarkRequest
	UpTo string `json:"up_to,omitempty" doc:"The id of a notice: it and what is older are marked; all that there is now where nothing is said."`
}

type allMarked struct {
	Marked int `json:"marked"` // notices
}

// markAll marks as read all that the reader is told, up to one of them.
func (s *server) markAll(ctx context.Context, in *struct{ Body markAllRequest }) (*body[allMarked], error) {
	reader, err := s.reader(ctx, in.Body.User)
	if err != nil {
		return nil, err
	}
	// A caller that hangs up leaves no half of it behind.
	n, err := s.Store.MarkAll(context.WithoutCancel(ctx), reader, in.Body.UpTo)
	return &body[allMarked]{allMarked{n}}, noNotice(err, in.Body.UpTo, reader)
}

// noNotice says more of err where there is no such notice.
func noNotice(err error, id string, r store.Reader) error {
	if errors.Is(err, store.ErrNotFound) {
		return problemf(http.StatusNotFound, "there is no notice %q in an inbox that %s reads: it never was, or its time to be kept is over; list what there is with `bellbuoy inbox`", id, r.Person)
	}
	return err
}
