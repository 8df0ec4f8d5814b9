package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// patience is how long recipients are left alone whom the server does not take yet:
// greylisting wants a minute at least.
const patience = time.Minute

// verdict says what an attempt's account means for the delivery. All is well where no
// recipient is left to try and at least one has the mail; the others were refused, which
// the receipt's reply says.
func (t *target) verdict(ctx context.Context, all account, p progress) (plugin.Scope, error) {
	have, refused, waiting := p.split(t.to)
	so := "" // far
	if len(have) > 0 {
		so = fmt.Sprintf("; %d of %d recipients have it", len(have), len(t.to))
	}
	if all.stopped != nil {
		return t.explain(ctx, *all.stopped, so)
	}
	said := t.refusals(all.refused)
	if said != "" {
		said = ": " + said
	}
	switch {
	case len(waiting) > 0:
		return "", plugin.RetryAfter(fmt.Errorf("mail server %s does not take the mail for %s yet%s%s", t.server(), people(waiting), said, so), patience)
	case len(have) > 0:
		return "", nil
	}
	scope := plugin.ScopeMisconfigured // nobody that it was for can be written to
	for _, r := range all.refused {
		if r.step != addressing {
			scope = ""
		}
	}
	return scope, plugin.Permanent(fmt.Errorf("mail server %s refuses the mail for %s%s", t.server(), people(refused), said))
}

// people names one of all, or counts them.
func people(all []address) string {
	if len(all) == 1 {
		return all[0].mailbox
	}
	return fmt.Sprintf("%d recipients", len(all))
}

// refusals says who was refused and why. It is cut where there are many.
func (t *target) refusals(all []refusal) string {
	var b strings.Builder
	for i, r := range all {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(r.who.mailbox + " " + t.quote(r.reply))
		if b.Len() > plugin.MaxReply/2 && i < len(all)-1 {
			fmt.Fprintf(&b, "; and %d more", len(all)-1-i)
			break
		}
	}
	return b.String()
}

// quote is a reply as it may be shown: on one line, without secrets, not too long.
func (t *target) quote(r *textproto.Error) string {
	text := message.Plain(t.mask.Text(r.Msg))
	return strings.TrimSpace(fmt.Sprintf("%03d %s", r.Code, shorten(strings.Join(strings.Fields(text), " "), 240)))
}

// explain says why a session stopped and what follows from it. so is how far it came.
func (t *target) explain(ctx context.Context, f failure, so string) (plugin.Scope, error) {
	about := fmt.Sprintf("mail server %s: %s: ", t.server(), f.step)
	tell := func(what string) error {
		return errors.New(cut(about+t.mask.Text(what), plugin.MaxReply-len(so)) + so)
	}
	if reply, ok := asReply(f.err); ok {
		return byReply(f.step, reply.Code, tell("it answers "+t.quote(reply)))
	}
	if dns, ok := errors.AsType[*net.DNSError](f.err); ok && dns.IsNotFound {
		return plugin.ScopeMisconfigured, tell("there is no such host")
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](f.err); ok {
		return plugin.ScopeMisconfigured, tell("its certificate is not accepted: " + bad.Err.Error())
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](f.err); ok {
		return plugin.ScopeMisconfigured, tell("it does not speak TLS here; is the port right, and tls: starttls or implicit?")
	}
	if op, ok := errors.AsType[*net.OpError](f.err); ok && op.Op == "remote error" {
		return plugin.ScopeMisconfigured, tell("it ends TLS, perhaps for want of a client certificate: " + op.Err.Error())
	}
	if errors.Is(f.err, errNoTLS) || errors.Is(f.err, errNoAuth) || errors.Is(f.err, egress.ErrDenied) {
		return plugin.ScopeMisconfigured, tell(f.err.Error())
	}
	why := f.err.Error()
	if late, ok := errors.AsType[net.Error](f.err); ctx.Err() != nil || ok && late.Timeout() {
		why = "no answer in time"
		if f.step == greeting && t.security != implicit && t.port == 465 {
			why += "; port 465 wants tls: implicit"
		}
	}
	if f.step == ending {
		why += "; the mail was out, so it may have arrived: it is sent again with the same Message-ID"
	}
	return "", tell(why)
}

// byReply is what a reply to a step means for all recipients that wait.
func byReply(at step, code int, err error) (plugin.Scope, error) {
	switch {
	case at == securing: // something may have put its own words there
		return plugin.ScopeMisconfigured, err
	case code < 500 || code > 599:
		return "", err
	case at == sending || at == ending || at == naming && code == 552:
		return "", plugin.Permanent(err) // too large, or not to its taste
	}
	return plugin.ScopeMisconfigured, plugin.Permanent(err) // us, our password, our address
}

func asReply(err error) (*textproto.Error, bool) { return errors.AsType[*textproto.Error](err) }

// cut is valid UTF-8 of at most n bytes.
func cut(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }
