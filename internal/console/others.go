package console

import (
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// inboxData is a page of notices.
type inboxData struct {
	Notices []client.Notice
	Unread  bool // only those
	Older   string
}

func (s *console) inbox(r *http.Request) (page, error) {
	filter := chosen(r, []string{"unread"})
	list, next, err := s.api.NoticePage(r.Context(), asked(r, filter))
	if err != nil {
		return page{}, err
	}
	return page{file: "inbox", title: "Inbox", data: inboxData{Notices: list, Unread: filter["unread"] != "", Older: older("/inbox", next)}}, nil
}

func (s *console) quarantine(r *http.Request) (page, error) {
	list, err := s.api.Quarantine(r.Context(), 100)
	return page{file: "quarantine", title: "Quarantine", data: list}, err
}

// quarantinedData is one body that could not be read.
type quarantinedData struct {
	client.Quarantined
	Text bool // the body is text, and no bytes in base64
}

func (s *console) quarantined(r *http.Request) (page, error) {
	q, err := s.api.Quarantined(r.Context(), r.PathValue("id"))
	return page{file: "quarantined", title: "Quarantine", data: quarantinedData{q, q.BodyEncoding == ""}}, err
}

func (s *console) plugins(r *http.Request) (page, error) {
	list, err := s.api.Plugins(r.Context())
	return page{file: "plugins", title: "Senders", data: list}, err
}

func (s *console) plugin(r *http.Request) (page, error) {
	p, err := s.api.Plugin(r.Context(), r.PathValue("type"))
	return page{file: "plugin", title: "Sender " + p.Type, data: p}, err
}

// auditData is a page of what people had done.
type auditData struct {
	Entries []client.AuditEntry
	Older   string
}

func (s *console) audit(r *http.Request) (page, error) {
	list, next, err := s.api.AuditPage(r.Context(), asked(r, nil))
	return page{file: "audit", title: "Audit", data: auditData{list, older("/audit", next)}}, err
}
