package app

import (
	"errors"
	"fmt"
	"io"
	"log"
	"mime/quotedprintable"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// postOffice is a mail server that keeps what it is given: to whom, and the text.
type postOffice struct {
	mu    sync.Mutex
	mails []string
}

// open serves on loopback until the test ends, and returns what a configuration says of it.
func (p *postOffice) open(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &handing{office: p}, nil }))
	s.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return fmt.Sprintf("mail: {host: 127.0.0.1, port: %d, tls: none, from: bellbuoy@example.com}\n", l.Addr().(*net.TCPAddr).Port)
}

// handing is one connection.
type handing struct {
	office *postOffice
	to     []string
}

func (h *handing) Mail(string, *smtp.MailOptions) error      { return nil }
func (h *handing) Rcpt(to string, _ *smtp.RcptOptions) error { h.to = append(h.to, to); return nil }
func (h *handing) Reset()                                    { h.to = nil }
func (h *handing) Logout() error                             { return nil }
func (h *handing) Data(r io.Reader) error {
	text, err := io.ReadAll(quotedprintable.NewReader(r))
	if err != nil {
		return err
	}
	h.office.mu.Lock()
	defer h.office.mu.Unlock()
	h.office.mails = append(h.office.mails, strings.Join(h.to, " ")+"\n"+string(text))
	return nil
}

// to are the mails to exactly these addresses.
func (p *postOffice) to(addresses string) (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.mails {
		if strings.HasPrefix(m, addresses+"\n") {
			list = append(list, m)
		}
	}
	return list
}

func (p *postOffice) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mails)
}

var linkToken = regexp.MustCompile(`/verify/([A-Z2-7]+)`)

// A target that was made through the API sends when all of its addresses are verified, also
// in another life, and not to one that is added later. It goes by the file's mail server,
// which is on this machine, though such targets may not be.
func TestTargetWaitsForAllItsAddresses(t *testing.T) {
	office := &postOffice{}
	c := startChangeable(t, office.open(t))
	mailTo := func(version int64, to string) objects.Change {
		return objects.Change{Kind: objects.Target, Name: "ops", Version: version, Body: body(`{"type":"email","options":{"to":[` + to + `]}}`)}
	}
	c.must(mailTo(0, `"a@example.com","B <b@example.com>"`), objects.Change{Kind: objects.Rule, Name: "all", Body: body(`{"deliver":["ops"]}`)})
	if got := string(c.object(objects.Target, "ops").Body); strings.Contains(got, "127.0.0.1") || strings.Contains(got, "host") {
		t.Errorf("the target says %s", got)
	}
	first := c.notify("hub", push(t, "one"))[0]
	tr, _ := c.settled(first, store.Parked)
	if why := tr.Deliveries[0].Reason; !strings.HasPrefix(why, "not yet verified: a link ") || !strings.Contains(why, "a***@example.com") || !strings.Contains(why, "b***@example.com") {
		t.Errorf("parked, since %q", why)
	}
	// press opens the link that was mailed to an address, and presses its button.
	press := func(address string) {
		t.Helper()
		c.until("a link is mailed to "+address, func() bool { return len(office.to(address)) == 1 })
		token := linkToken.FindStringSubmatch(office.to(address)[0])
		if token == nil {
			t.Fatalf("mailed %s", office.to(address)[0])
		}
		if strings.Contains(c.log.String(), token[1]) {
			t.Error("the token is in the log")
		}
		if status, page, err := ask("POST", "http://"+c.admin+"/verify/"+token[1], ""); status != 200 || err != nil {
			t.Errorf("%d %s %v", status, page, err)
		}
	}
	press("a@example.com")
	c.settled(first, store.Parked)

	c.restart()
	second := c.notify("hub", push(t, "two"))[0]
	c.settled(second, store.Parked)
	c.settled(first, store.Parked)
	press("b@example.com")
	for _, id := range []string{first, second} {
		c.settled(id, store.Delivered)
	}
	if got := office.to("a@example.com b@example.com"); len(got) != 2 {
		t.Errorf("both were told %d times", len(got))
	}

	c.must(mailTo(1, `"b@example.com","c@example.com"`))
	third := c.notify("hub", push(t, "three"))[0]
	tr, _ = c.settled(third, store.Parked)
	if why := tr.Deliveries[0].Reason; !strings.HasSuffix(why, "mailed to c***@example.com") || strings.Contains(why, "b***") {
		t.Errorf("parked, since %q", why)
	}
	c.until("a link is mailed to c", func() bool { return len(office.to("c@example.com")) == 1 })
	// Without the address nothing is waited for.
	c.must(mailTo(2, `"b@example.com"`))
	c.settled(third, store.Delivered)
	if got := office.to("b@example.com"); len(got) != 2 { // the link, and the event
		t.Errorf("b was told %d times: %s", len(got), strings.Join(got, "\n"))
	}
	if n := office.count(); n != 6 {
		t.Errorf("%d mails were sent, want three links and three notices", n)
	}

	audit, err := c.now.store.Audit(t.Context(), store.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(slices.DeleteFunc(audit, func(e store.AuditEntry) bool { return e.What != store.AuditVerify })); n != 2 {
		t.Errorf("%d verifications are in the audit", n)
	}
}

// A mail server of the target's own may be only where egress lets targets be.
func TestOwnMailServerIsGuarded(t *testing.T) {
	c := startChangeable(t, "")
	err := c.change(objects.Change{Kind: objects.Target, Name: "ops",
		Body: body(`{"type":"email","options":{"host":"127.0.0.1","tls":"none","from":"a@example.com","to":["b@example.com"]}}`)})
	if _, ok := errors.AsType[*objects.InvalidError](err); !ok || !strings.Contains(err.Error(), "options.host") {
		t.Errorf("%v", err)
	}
}
