package email

import (
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// failure is why a session went no further.
type failure struct {
	step step
	err  error // a *textproto.Error where the server said so
}

// lost reports whether the server is not there any more to say why.
func (f *failure) lost() bool {
	if f == nil {
		return false
	}
	_, said := asReply(f.err)
	return !said
}

// refusal is what the server said of one recipient.
type refusal struct {
	who   address
	step  step
	reply *textproto.Error
}

func (r refusal) final() bool {
	// 552 at RCPT is 452 by an older name (RFC 5321 4.5.3.1.10).
	return r.reply.Code >= 500 && (r.step != addressing || r.reply.Code != 552)
}

// account is what became of one or more transactions.
type account struct {
	refused []refusal
	reply   *textproto.Error // the last one that said yes to a message
	stopped *failure         // nil where the session could go on
}

// deliver sends to all who wait, in as many transactions as the server needs, and notes in
// p what is final for whom.
func (s *session) deliver(t *target, write writing, p progress) account {
	var all account
	for {
		_, _, waiting := p.split(t.to)
		more := s.transact(t, write, all.without(waiting), p, &all)
		if !more || all.stopped != nil {
			return all
		}
	}
}

// without leaves out who was refused, for now or for good.
func (a *account) without(waiting []address) []address {
	return slices.DeleteFunc(waiting, func(w address) bool {
		return slices.ContainsFunc(a.refused, func(r refusal) bool { return r.who == w })
	})
}

// writing makes the mail for recipients.
type writing func(to []address) (*composed, error)

// transact is one transaction. more says that some got the mail and the server wants to
// hear of the others in another.
func (s *session) transact(t *target, write writing, waiting []address, p progress, all *account) (more bool) {
	stop := func(err error) bool {
		all.stopped = &failure{s.step, err}
		return false
	}
	shown := t.to
	if utf8, _ := s.client.Extension("SMTPUTF8"); !utf8 {
		shown, waiting = nil, s.turnAway(waiting, p, all)
		for _, a := range t.to {
			if !a.utf8 {
				shown = append(shown, a)
			}
		}
		if t.from.utf8 {
			s.step = naming
			return stop(unsupported())
		}
	}
	if len(waiting) == 0 {
		return false
	}
	s.client.SkipSMTPUTF8(!needsUTF8(append([]address{t.from}, shown...)))
	m, err := write(shown)
	if err != nil {
		return stop(err)
	}
	s.step = naming
	data := m.bytes()
	if _, limit := s.client.Extension("SIZE"); limit != "" {
		if most, err := strconv.Atoi(limit); err == nil && most > 0 && len(data) > most {
			s.step = sending
			return stop(&textproto.Error{Code: 552, Msg: fmt.Sprintf("5.3.4 the mail has %d bytes, and the server says that it takes %d", len(data), most)})
		}
	}
	if err := s.client.Mail("<" + t.from.mailbox + ">"); err != nil {
		return stop(err)
	}
	takers, more, err := s.address(waiting, p, all)
	if err != nil {
		return stop(err)
	}
	if len(takers) == 0 {
		return false
	}
	s.step = sending
	err = s.data(data, all)
	reply, said := asReply(err)
	switch {
	case err == nil:
		for _, a := range takers {
			p[a.mark()] = accepted
		}
		return more
	case said && reply.Code >= 500:
		for _, a := range takers {
			all.refused = append(all.refused, refusal{a, s.step, reply})
			p[a.mark()] = reply.Code
		}
		return false
	}
	return stop(err)
}

// turnAway refuses those in the server's name whom it cannot serve.
func (s *session) turnAway(waiting []address, p progress, all *account) (rest []address) {
	for _, a := range waiting {
		if !a.utf8 {
			rest = append(rest, a)
			continue
		}
		all.refused = append(all.refused, refusal{a, addressing, unsupported()})
		p[a.mark()] = unsupported().Code
	}
	return rest
}

// unsupported is what servers say where SMTPUTF8 would be needed (RFC 6531).
func unsupported() *textproto.Error {
	return &textproto.Error{Code: 553, Msg: "5.6.7 the server takes no addresses with letters beyond ASCII (it does not offer SMTPUTF8)"}
}

func needsUTF8(all []address) bool {
	return slices.ContainsFunc(all, func(a address) bool { return a.utf8 })
}

// address names the recipients and returns those whom the server takes. more says that it
// wants no more of them now.
func (s *session) address(waiting []address, p progress, all *account) (takers []address, more bool, err error) {
	s.step = addressing
	for _, a := range waiting {
		err := s.client.Rcpt("<" + a.mailbox + ">")
		reply, said := asReply(err)
		switch {
		case err == nil:
			takers = append(takers, a)
			continue
		case !said || reply.Code == 421:
			return nil, false, err
		case tooMany(reply) && len(takers) > 0:
			return takers, true, nil
		}
		r := refusal{a, addressing, reply}
		all.refused = append(all.refused, r)
		if r.final() {
			p[a.mark()] = reply.Code
		}
	}
	return takers, false, nil
}

// tooMany reports whether reply, to RCPT, is about the number of recipients and not about
// this one: by its enhanced code, where it has one.
func tooMany(reply *textproto.Error) bool {
	if reply.Code != 452 && reply.Code != 552 {
		return false
	}
	class, rest, _ := strings.Cut(reply.Msg, ".")
	return class != "4" && class != "5" || strings.HasPrefix(rest, "5.3")
}

// data sends the message. The step is ending as soon as the server may have it.
func (s *session) data(data []byte, all *account) error {
	// Not by the client's Data: it hides whether the message went out.
	text := s.client.Text
	id, err := text.Cmd("DATA")
	if err != nil {
		return err
	}
	text.StartResponse(id)
	defer text.EndResponse(id)
	if _, _, err := text.ReadResponse(354); err != nil {
		return err
	}
	w := text.DotWriter()
	_, err = w.Write(data)
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err != nil {
		// A server that hangs up early may have said why.
		if _, _, said := text.ReadResponse(250); said != nil {
			if reply, ok := asReply(said); ok {
				return reply
			}
		}
		return err
	}
	s.step = ending
	code, msg, err := text.ReadResponse(2)
	if err != nil {
		return err
	}
	all.reply = &textproto.Error{Code: code, Msg: msg}
	return nil
}
