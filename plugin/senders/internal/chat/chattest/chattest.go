// Package chattest is what the tests of all chat senders share: vendors that answer as they
// are told, and names that strangers chose.
package chattest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/hostile"
)

// New makes a sender whose connections end with the test.
func New(t testing.TB, construct func(version string) plugin.Sender) plugin.Sender {
	t.Helper()
	s := construct("1.2.3")
	if c, ok := s.(interface{ CloseIdle() }); ok {
		t.Cleanup(c.CloseIdle)
	}
	return s
}

// Delivery is one of e to a target with these options.
func Delivery(t testing.TB, options map[string]any, e event.Event) plugin.Delivery {
	t.Helper()
	return plugin.Delivery{ID: "0192-d1", Attempt: 2, Target: "ops", Options: encoded(t, options), Event: encoded(t, e)}
}

func encoded(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Got is a request that a vendor got.
type Got struct {
	Path   string // with the query
	Header http.Header
	Body   []byte
}

// Vendor is a server that answers all the same, and keeps what it got last.
type Vendor struct {
	*httptest.Server
	Answer Answer
	Last   Got
}

// NewVendor starts one. One request is made at a time.
func NewVendor(t testing.TB) *Vendor {
	t.Helper()
	v := &Vendor{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v.Last = Got{r.URL.RequestURI(), r.Header, body}
		for name, value := range v.Answer.Header {
			w.Header().Set(name, value)
		}
		if v.Answer.Cut {
			w.Header().Set("Content-Length", "1000")
		}
		w.WriteHeader(v.Answer.Status)
		_, _ = io.WriteString(w, v.Answer.Body)
	}))
	t.Cleanup(v.Close)
	return v
}

// Answer is one answer of a vendor's, and what it means.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
	Cut    bool // the rest of the body never comes

	Outcome plugin.Outcome
	Scope   plugin.Scope
	After   time.Duration // until it is tried again, where the answer says so
	Error   string        // part of it
}

// Judge sends a message for each of answers, and compares what it is taken for.
func Judge(t *testing.T, construct func(version string) plugin.Sender, options func(base string) map[string]any, answers []Answer) {
	t.Helper()
	s, v := New(t, construct), NewVendor(t)
	d := Delivery(t, options(v.URL), event.Event{V: 1, Type: event.Test})
	for _, a := range answers {
		v.Answer = a
		receipt, err := s.Send(t.Context(), d)
		got := plugin.ReadVerdict(err)
		after := got.After
		if !got.Until.IsZero() {
			after = time.Until(got.Until)
		}
		if got.Outcome != a.Outcome || receipt.Scope != a.Scope || receipt.Status != a.Status || !near(after, a.After) {
			t.Errorf("%d %s %v: %s after %s, scope %q: %v\nwant %s after %s, scope %q", a.Status, a.Body, a.Header, got.Outcome, after, receipt.Scope, err, a.Outcome, a.After, a.Scope)
		}
		if (err == nil) != (a.Outcome == plugin.Delivered) || err != nil && (a.Error == "" || !strings.Contains(err.Error(), a.Error)) {
			t.Errorf("%d %s: error %v, want %q", a.Status, a.Body, err, a.Error)
		}
	}
}

// near allows for a date's full seconds and for the time that a test takes.
func near(got, want time.Duration) bool {
	if want == 0 {
		return got == 0
	}
	return got > want-30*time.Second && got < want+30*time.Second
}

// Byways are the answers that mean the same from all that judge by the status.
func Byways() []Answer {
	const busy = "over capacity"
	date := time.Now().Add(5 * time.Minute).UTC().Format(http.TimeFormat)
	return []Answer{
		{Status: 429, Body: busy, Outcome: plugin.ThrottledTarget, Error: "429"},
		{Status: 429, Body: busy, Header: map[string]string{"Retry-After": "90"}, Outcome: plugin.ThrottledTarget, After: 90 * time.Second, Error: "429"},
		{Status: 429, Body: busy, Header: map[string]string{"Retry-After": date}, Outcome: plugin.ThrottledTarget, After: 5 * time.Minute, Error: "429"},
		{Status: 429, Body: busy, Header: map[string]string{"Retry-After": "soon"}, Outcome: plugin.ThrottledTarget, Error: "429"},
		{Status: 500, Body: busy, Outcome: plugin.Retry, Error: "500"},
		{Status: 502, Body: "<html>Bad Gateway</html>", Outcome: plugin.Retry, Error: "502"},
		{Status: 503, Body: busy, Outcome: plugin.Retry, Error: "503"},
		{Status: 503, Body: busy, Header: map[string]string{"Retry-After": "90"}, Outcome: plugin.Retry, After: 90 * time.Second, Error: "503"},
		{Status: 504, Outcome: plugin.Retry, Error: "504"},
		{Status: 408, Outcome: plugin.Retry, Error: "408"},
		{Status: 425, Outcome: plugin.Retry, Error: "425"},
		{Status: 302, Header: map[string]string{"Location": "/elsewhere"}, Outcome: plugin.PermanentFail, Error: "redirects are not followed"},
		{Status: 405, Outcome: plugin.PermanentFail, Error: "405"},
		{Status: 413, Outcome: plugin.PermanentFail, Error: "413"},
	}
}

// Made is a message that was made of hostile names.
type Made struct {
	Body      []byte
	Link      string // which the message may lead to
	Templates bool   // the text and the title are by template, else the default
}

// Leads reports whether to leads to the host of m's link, by the web.
func (m Made) Leads(to string) bool {
	u, err := url.Parse(to)
	own, ownErr := url.Parse(m.Link)
	return err == nil && ownErr == nil && own.Host != "" && strings.EqualFold(u.Host, own.Host) && u.User == nil && (u.Scheme == "http" || u.Scheme == "https")
}

// Hostile makes messages of the events of every hostile text: the default, what the host
// made, and by a title and template, which has {{.actor.name}} and such in the medium's
// markup. What should be in no text at all is looked for here; read says what else is wrong.
// Under the race detector, which finds nothing in it and is slow, few of the texts are tried.
func Hostile(t *testing.T, construct func(version string) plugin.Sender, options map[string]any, template string, read func(Made) error) {
	t.Helper()
	s := New(t, construct)
	try := func(name string, d plugin.Delivery, e event.Event, long bool) {
		r, err := s.Render(t.Context(), d)
		if d.Template != "" && long && plugin.ReadVerdict(err).Outcome == plugin.PermanentFail {
			return // more than a template may make
		}
		if err == nil {
			err = harmless(r.Body)
		}
		if err == nil {
			err = read(Made{Body: []byte(r.Body), Link: message.BriefOf(e).Link, Templates: d.Template != ""})
		}
		if err != nil {
			t.Fatalf("%s: %v\n%.2000s", name, err, r.Body)
		}
	}
	for n, text := range hostile.Texts() {
		if n%every > 0 {
			continue
		}
		events, long := hostile.Events(text.Text), len(text.Text) > 1000
		for i, e := range events {
			last := i == len(events)-1
			if !last && !often(e.Type) && (long || (n+i)%8 > 0) {
				continue // each type with an eighth of the texts
			}
			d := Delivery(t, options, e)
			try(text.Name+", "+string(e.Type), d, e, long)
			if last {
				d.Template, d.Title = template, "{{.actor.name}} of {{.repository.full_name}}"
				try(text.Name+", by template", d, e, long)
				d.Template, d.Title, d.Body = "", "", []byte(text.Text)
				try(text.Name+", by the host", d, e, long)
			}
		}
	}
}

// often reports the types that tell most, or are special: they are tried with all texts.
func often(t event.Type) bool {
	return t == event.BuildFailed || t == event.Digest
}

// harmless finds what no target should get in any text: a control character, a mark that
// turns the direction of writing, what calls everyone.
func harmless(body string) error {
	var tree any
	if err := json.Unmarshal([]byte(body), &tree); err != nil {
		return err
	}
	return walk(tree)
}

func walk(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			if err := walk(item); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	case []any:
		for _, item := range v {
			if err := walk(item); err != nil {
				return err
			}
		}
	case string:
		return line(v)
	}
	return nil
}

var everyone = regexp.MustCompile(`(?i)@\s*(all|here|channel|everyone|room|team|group|所有人|全体成员)`)

func line(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("is not UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("holds the control character %U", r)
		}
	}
	if m := everyone.FindString(s); m != "" {
		return fmt.Errorf("calls %s", m)
	}
	return nil
}
