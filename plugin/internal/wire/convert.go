package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Bounds of the parts of a receipt. Either side holds to them: a sender so that its
// answers are not refused, the host because it need not trust a sender.
const (
	maxError   = 2 << 10
	maxMethod  = 32
	maxURL     = 4 << 10
	maxHeaders = 64
	maxName    = 256
	maxValue   = 1 << 10
	maxBody    = 64 << 10
	maxNetwork = 64 // of an IPv6 network with its length, and what is around it
)

// fill makes m say what d says.
func (m *Delivery) fill(d *plugin.Delivery) {
	m.Type = clean(d.Type)
	m.Id = clean(d.ID)
	m.Attempt = int32(d.Attempt)
	m.Target = clean(d.Target)
	m.Options = d.Options
	m.Event = d.Event
	m.Body = d.Body
	m.ContentType = clean(d.ContentType)
	m.Resume = d.Resume
	m.Template = clean(d.Template)
	m.Title = clean(d.Title)
	m.Headers = nil
	if len(d.Headers) > 0 {
		for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
			m.Headers = append(m.Headers, &Header{Name: clean(name), Value: clean(d.Headers[name])})
		}
	}
	m.Egress = writeEgress(d.Egress)
}

func (m *Delivery) read() plugin.Delivery {
	var headers map[string]string
	for _, h := range m.GetHeaders() {
		if headers == nil {
			headers = make(map[string]string, len(m.GetHeaders()))
		}
		headers[h.GetName()] = h.GetValue()
	}
	return plugin.Delivery{
		ID:          m.GetId(),
		Attempt:     int(m.GetAttempt()),
		Target:      m.GetTarget(),
		Type:        m.GetType(),
		Options:     json.RawMessage(m.GetOptions()),
		Event:       json.RawMessage(m.GetEvent()),
		Body:        m.Body,
		ContentType: m.GetContentType(),
		Resume:      m.GetResume(),
		Template:    m.GetTemplate(),
		Title:       m.GetTitle(),
		Headers:     headers,
		Egress:      readEgress(m.GetEgress()),
	}
}

func writeEgress(e plugin.Egress) *Egress {
	if !e.Restricted {
		return nil
	}
	m := &Egress{}
	for _, p := range e.Allow {
		m.Allow = append(m.Allow, p.String())
	}
	return m
}

// readEgress allows nothing by what cannot be read.
func readEgress(m *Egress) plugin.Egress {
	if m == nil {
		return plugin.Egress{}
	}
	e := plugin.Egress{Restricted: true}
	for _, s := range m.GetAllow() {
		if p, err := netip.ParsePrefix(s); err == nil {
			e.Allow = append(e.Allow, p)
		}
	}
	return e
}

// checkSize refuses what is too large to be sent.
func checkSize(d *plugin.Delivery) (size int, err error) {
	size = len(d.Event) + len(d.Body) + len(d.Options) + len(d.Template) + len(d.Title)
	if size > plugin.MaxDelivery {
		return size, plugin.Permanent(fmt.Errorf(
			"delivery %s is too large for a sender: event, body, options and templates are %d bytes, at most %d are sent",
			d.ID, size, plugin.MaxDelivery))
	}
	aside := len(d.ID) + len(d.Target) + len(d.Type) + len(d.ContentType) + len(d.Resume) + maxNetwork*len(d.Egress.Allow)
	for name, value := range d.Headers {
		aside += len(name) + len(value)
	}
	if aside > maxAside {
		return size, plugin.Permanent(fmt.Errorf(
			"delivery to %q is too large for a sender: its id, names, content type, headers, resume and allowed networks are %d bytes, at most %d are sent",
			cut(d.Target, 64), aside, maxAside))
	}
	return size + aside, nil
}

// writeAck makes the ack of one attempt of d.
func writeAck(number uint64, d *plugin.Delivery, r plugin.Receipt, err error) *Ack {
	a := &Ack{Number: number, Receipt: writeReceipt(d, r)}
	v := plugin.ReadVerdict(err)
	switch v.Outcome {
	case plugin.Delivered:
		a.Outcome = Outcome_OUTCOME_DELIVERED
		return a
	case plugin.PermanentFail:
		a.Outcome = Outcome_OUTCOME_PERMANENT
	case plugin.ThrottledTarget:
		a.Outcome = Outcome_OUTCOME_THROTTLED
		if !v.Until.IsZero() {
			a.UntilUnixNs = v.Until.UnixNano()
		}
	default:
		a.Outcome = Outcome_OUTCOME_RETRY
		a.AfterNs = int64(v.After)
	}
	a.Error = cut(err.Error(), maxError)
	return a
}

// read is the host's reading of an ack: cut once more, whatever the sender did.
func (a *Ack) read(d *plugin.Delivery) (plugin.Receipt, error) {
	r := readReceipt(d, a.GetReceipt())
	if a.GetOutcome() == Outcome_OUTCOME_DELIVERED {
		return r, nil
	}
	text := cut(a.GetError(), maxError)
	if text == "" {
		text = "the sender gave no reason"
	}
	err := errors.New(text)
	switch a.GetOutcome() {
	case Outcome_OUTCOME_PERMANENT:
		return r, plugin.Permanent(err)
	case Outcome_OUTCOME_THROTTLED:
		var until time.Time
		if ns := a.GetUntilUnixNs(); ns > 0 {
			until = time.Unix(0, ns)
		}
		return r, plugin.Throttled(err, until)
	case Outcome_OUTCOME_RETRY:
		if after := time.Duration(a.GetAfterNs()); after > 0 {
			return r, plugin.RetryAfter(err, after)
		}
	}
	return r, err
}

func writeReceipt(d *plugin.Delivery, r plugin.Receipt) *Receipt {
	return &Receipt{
		Request:   writeRequest(d, r.Request),
		Status:    int32(r.Status),
		LatencyNs: int64(r.Latency),
		Reply:     cut(r.Reply, plugin.MaxReply),
		Scope:     string(readScope(string(r.Scope))),
		Resume:    bounded(r.Resume),
	}
}

func readReceipt(d *plugin.Delivery, m *Receipt) plugin.Receipt {
	r := plugin.Receipt{
		Request: readRequest(d, m.GetRequest()),
		Status:  int(m.GetStatus()),
		Latency: max(0, time.Duration(m.GetLatencyNs())),
		Reply:   cut(m.GetReply(), plugin.MaxReply),
		Scope:   readScope(m.GetScope()),
		Resume:  bounded(m.GetResume()),
	}
	if r.Status < 0 || r.Status > 999 {
		r.Status = 0
	}
	return r
}

// bounded drops a resume that is too large: a part of it would be read as
// something else than it was.
func bounded(resume []byte) []byte {
	if len(resume) == 0 || len(resume) > plugin.MaxResume {
		return nil
	}
	return resume
}

// readScope takes what is not in the closed list as being about the message.
func readScope(s string) plugin.Scope {
	switch scope := plugin.Scope(s); scope {
	case plugin.ScopeMessage, plugin.ScopeTargetGone, plugin.ScopeMisconfigured:
		return scope
	}
	return ""
}

func writeRequest(d *plugin.Delivery, r plugin.Request) *Request {
	m := &Request{Method: cut(r.Method, maxMethod), Url: cut(r.URL, maxURL)}
	if r.Body != "" {
		if message, _ := d.Message(); string(message) == r.Body {
			m.BodyIsMessage = true
		} else {
			m.Body = cut(r.Body, maxBody)
		}
	}
	if len(r.Headers) == 0 {
		return m
	}
	slab := make([]Header, min(len(r.Headers), maxHeaders))
	m.Headers = make([]*Header, 0, len(slab))
	for name, value := range r.Headers {
		if len(m.Headers) == maxHeaders {
			break
		}
		h := &slab[len(m.Headers)]
		h.Name, h.Value = cut(name, maxName), cut(value, maxValue)
		m.Headers = append(m.Headers, h)
	}
	return m
}

func readRequest(d *plugin.Delivery, m *Request) plugin.Request {
	r := plugin.Request{
		Method: cut(m.GetMethod(), maxMethod),
		URL:    cut(m.GetUrl(), maxURL),
		Body:   cut(m.GetBody(), maxBody),
	}
	if m.GetBodyIsMessage() {
		message, _ := d.Message()
		r.Body = string(message)
	}
	if headers := m.GetHeaders(); len(headers) > 0 {
		headers = headers[:min(len(headers), maxHeaders)]
		r.Headers = make(map[string]string, len(headers))
		for _, h := range headers {
			r.Headers[cut(h.GetName(), maxName)] = cut(h.GetValue(), maxValue)
		}
	}
	return r
}

// clean makes s fit for a protobuf string, which must be UTF-8: one that is not
// would fail the whole batch.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// cut is clean and at most n bytes long.
func cut(s string, n int) string {
	if s = clean(s); len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
