package api

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) auditOps() {
	handle(s, op{
		route: "GET /api/v1/audit", role: access.Viewer, noun: "audit",
		summary: "List what people had done, the newest first",
	}, s.audit)
}

// audit lists what people had done, newest first.
func (s *server) audit(ctx context.Context, in *struct {
	What   string `query:"what" doc:"What was done." example:"redeliver"`
	Object string `query:"object" doc:"What it was done to: a target, a delivery, an event or an object's name."`
	Paging
}) (*page[store.AuditEntry], error) {
	list, err := s.Store.Audit(ctx, store.AuditQuery{What: in.What, Object: in.Object, Before: in.Before, Limit: in.Limit})
	out := &page[store.AuditEntry]{Body: list}
	if err == nil && len(list) == in.Limit {
		out.Link = in.next(ctx, list[len(list)-1].Cursor, nil)
	}
	return out, err
}

// maxBy bounds how somebody names himself.
const maxBy = 200

// ByRequest is the body of a request that asks for nothing but that something is done.
type ByRequest struct {
	By string `json:"by,omitempty" doc:"Who wants it, for the audit. It is heeded only of a program on this machine: of others it is known who they are."`
}

// who is who asks. The guard knows of programs of this machine no more than that: what they
// say of themselves is believed.
func who(ctx context.Context, claimed string) (string, error) {
	if name := access.From(ctx).Name; name != "" {
		return name, nil
	}
	if len(claimed) > maxBy || strings.ContainsFunc(claimed, func(c rune) bool { return unicode.IsControl(c) || !unicode.IsPrint(c) }) {
		return "", wrong("by", "write who wants it, in one line of at most %d bytes", maxBy)
	}
	if claimed == "" {
		return fmt.Sprintf("a request to %s from this machine", asked(ctx).Path), nil
	}
	return claimed, nil
}
