package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/mail"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/api/quay"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// mailType is the target type whose addresses are verified where somebody gave them through
// the API: who may make targets there need not be somebody who may have mails sent to
// anybody.
const mailType = "email"

// When links are mailed.
const (
	mailEvery = 30 * time.Second // what is due is looked for, while some address is not verified
	mailFor   = 2 * time.Minute  // one mail may take
	mailsAt   = 4                // a time
	mailsHour = 100              // of them in an hour, whatever the addresses
)

// recipient is an address that a target sends to.
type recipient struct {
	target, written string
	store.Address   // its owner and mailbox
}

// recipients are those of targets that were made through the API and are in use.
func (s settings) recipients() (list []recipient) {
	for _, m := range s.made {
		if m.inactive != "" || m.is == nil || m.is.Target == nil || m.is.Target.Type != mailType {
			continue
		}
		// As in Quay an address is verified for a repository, whichever of its notifications
		// send to it. Other targets stand for themselves.
		owner := quay.Owner(m.Note)
		if owner == "" {
			owner = "target " + m.Name
		}
		var options struct{ To []string }
		if json.Unmarshal(m.is.Target.Options, &options) != nil {
			continue // its sender has said so
		}
		for _, to := range options.To {
			list = append(list, recipient{m.Name, to, store.Address{Owner: owner, Mailbox: mailbox(to)}})
		}
	}
	return list
}

// mailbox is an address without what stands around it, in small letters.
func mailbox(written string) string {
	if a, err := mail.ParseAddress(written); err == nil {
		written = a.Address
	}
	return strings.ToLower(strings.TrimSpace(written))
}

// verification finds out which addresses of s's targets are not verified, and takes in those
// that are new.
func (r *running) verification(ctx context.Context, s settings) (unverified map[string][]store.Address, err error) {
	wanted := s.recipients()
	if len(wanted) == 0 {
		return nil, nil
	}
	known, err := r.addresses(ctx)
	if err != nil {
		return nil, err
	}
	var fresh []store.Address
	unverified = map[string][]store.Address{}
	for _, w := range wanted {
		a, ok := known[w.key()]
		if !ok {
			a = w.Address
			fresh = append(fresh, a)
		}
		if a.Verified.IsZero() {
			unverified[w.target] = append(unverified[w.target], a)
		}
	}
	if len(fresh) > 0 {
		if err := r.store.GiveAddresses(ctx, fresh); err != nil {
			return nil, err
		}
		r.hurryMails()
	}
	return unverified, nil
}

// hurryMails has what is due be looked for now.
func (r *running) hurryMails() {
	select {
	case r.mailing <- struct{}{}:
	default: // it is about to
	}
}

type addressKey struct{ owner, mailbox string }

func (r recipient) key() addressKey { return addressKey{r.Owner, r.Mailbox} }

// addresses are all that were ever given.
func (r *running) addresses(ctx context.Context) (map[addressKey]store.Address, error) {
	list, err := r.store.Addresses(ctx)
	known := make(map[addressKey]store.Address, len(list))
	for _, a := range list {
		known[addressKey{a.Owner, a.Mailbox}] = a
	}
	return known, err
}

// unverifiedReason is why nothing but links may be sent to a target with these addresses.
func unverifiedReason(list []store.Address) string {
	var was, is []string
	for _, a := range list {
		if a.Mails > 0 {
			was = append(was, api.MaskAddress(a.Mailbox))
		} else {
			is = append(is, api.MaskAddress(a.Mailbox))
		}
	}
	var parts []string
	if was != nil {
		parts = append(parts, "a link was mailed to "+strings.Join(was, ", "))
	}
	if is != nil {
		parts = append(parts, "a link is to be mailed to "+strings.Join(is, ", "))
	}
	return "not yet verified: " + strings.Join(parts, "; ")
}

// shownUnverified are the addresses as the API tells them.
func shownUnverified(list []store.Address) (shown []api.Unverified) {
	for _, a := range list {
		u := api.Unverified{Address: api.MaskAddress(a.Mailbox), Mails: a.Mails, Error: a.Error}
		if !a.Mailed.IsZero() {
			u.Mailed = &a.Mailed
		}
		shown = append(shown, u)
	}
	return shown
}

// reconsider has what is parked for addresses sent, where they were verified meanwhile, by
// whichever process.
func (r *running) reconsider(ctx context.Context) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	now := *r.now.Load()
	unverified, err := r.verification(ctx, now.settings)
	if err != nil || reflect.DeepEqual(unverified, now.unverified) {
		return err
	}
	now.unverified = unverified
	if err := r.store.Targets(ctx, now.kept()); err != nil {
		return err
	}
	r.now.Store(&now)
	return nil
}

// resend has the links for a target's addresses mailed again, for by.
func (r *running) resend(ctx context.Context, target, by string) error {
	list := r.now.Load().unverified[target]
	if len(list) == 0 {
		return store.ErrNotFound
	}
	var first error
	sent := 0
	for _, a := range list {
		switch err := r.store.ResendAddress(ctx, a.Owner, a.Mailbox, by); {
		case err == nil:
			sent++
		case first == nil:
			first = err
		}
	}
	if sent == 0 {
		return first
	}
	r.hurryMails()
	return nil
}

// mailer mails links.
type mailer struct {
	*running
	send func(context.Context, plugin.Delivery) (plugin.Receipt, error)
}

// run mails what is due until ctx ends.
func (m mailer) run(ctx context.Context) {
	for {
		if err := m.mail(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("links for addresses cannot be mailed", "error", err)
		}
		var again <-chan time.Time
		if len(m.now.Load().unverified) > 0 {
			again = time.After(mailEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-m.mailing:
		case <-again:
		}
	}
}

// mail mails what is due now.
func (m mailer) mail(ctx context.Context) error {
	if err := m.reconsider(ctx); err != nil {
		return err
	}
	known, err := m.addresses(ctx)
	if err != nil {
		return err
	}
	now := m.store.Now()
	today, hour := map[string]int{}, 0
	for _, a := range known {
		if now.Sub(a.Mailed) < time.Hour {
			hour++
		}
		if now.Sub(a.Mailed) < 24*time.Hour {
			today[a.Mailbox] += a.Mails
		}
	}
	if err := m.store.ForgetAddresses(ctx, forgotten(known, m.now.Load().recipients(), now)); err != nil {
		return err
	}
	var sending sync.WaitGroup
	free := make(chan struct{}, mailsAt)
	begun := map[addressKey]bool{}
	for _, to := range m.now.Load().recipients() {
		a, ok := known[to.key()]
		if !ok || !a.Verified.IsZero() || a.Due.IsZero() || a.Due.After(now) || begun[to.key()] || today[a.Mailbox] >= store.MaxAddressMails || hour+len(begun) >= mailsHour {
			continue
		}
		begun[to.key()] = true
		today[a.Mailbox]++
		to.Address = a
		free <- struct{}{}
		sending.Go(func() {
			defer func() { <-free }()
			m.link(ctx, to)
		})
	}
	sending.Wait()
	if len(begun) == 0 {
		return nil
	}
	return m.reconsider(ctx)
}

// mostForgotten is how many addresses are forgotten at once.
const mostForgotten = 200

// forgotten are addresses that nobody has opened a link for and no target has any more. For
// a week they are remembered, since what was mailed there counts.
func forgotten(known map[addressKey]store.Address, wanted []recipient, now time.Time) (gone []store.Address) {
	has := make(map[addressKey]bool, len(wanted))
	for _, w := range wanted {
		has[w.key()] = true
	}
	for key, a := range known {
		old := now.Add(-store.AddressLinkFor)
		if !has[key] && a.Verified.IsZero() && a.Mailed.Before(old) && a.Due.Before(old) && len(gone) < mostForgotten {
			gone = append(gone, a)
		}
	}
	return gone
}

// link mails a link to one address, and notes how that ended.
func (m mailer) link(ctx context.Context, to recipient) {
	token := rand.Text() + rand.Text() // 256 bits, in letters and digits
	due, err := m.store.LinkAddress(ctx, to.Address, api.LinkHash(token))
	if err != nil || !due {
		if err != nil {
			m.log.Error("a link cannot be kept", "target", to.target, "error", err)
		}
		return
	}
	failed := ""
	if err := m.write(ctx, to, token); err != nil {
		failed = strings.ReplaceAll(err.Error(), token, "********")
		m.log.Warn("a link could not be mailed, which is tried again", "target", to.target, "error", failed)
	} else {
		m.log.Info("a link was mailed", "target", to.target, "address", api.MaskAddress(to.Mailbox))
	}
	if err := m.store.MailedAddress(context.WithoutCancel(ctx), to.Address, failed); err != nil {
		m.log.Error("it cannot be kept whether a link was mailed", "target", to.target, "error", err)
	}
}

// write writes one mail, by the target's own server.
func (m mailer) write(ctx context.Context, to recipient, token string) error {
	t, ok := m.target(to.target)
	if !ok {
		return fmt.Errorf("target %s is gone", to.target)
	}
	var options map[string]json.RawMessage
	err := json.Unmarshal(t.Options, &options)
	if err != nil {
		return err
	}
	if options["to"], err = json.Marshal([]string{to.written}); err != nil {
		return err
	}
	d := plugin.Delivery{
		Attempt: 1, Target: to.target, Type: mailType, Egress: t.Egress, Title: `{{"May notices be mailed to you?"}}`,
		Template: m.letter(to, token),
	}
	if d.Options, err = json.Marshal(options); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	d.ID = id.String()
	now := time.Now().UTC()
	d.Event, err = json.Marshal(event.Event{
		V: event.Version, ID: d.ID, Type: event.Test, Time: now, TimeSource: event.TimeNative, Received: now,
		Registry: event.Registry{Name: store.Own, Type: store.Own}, Origin: event.OriginTest,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mailFor)
	defer cancel()
	_, err = m.send(ctx, d)
	for _, secret := range t.Masks {
		if err != nil && strings.Contains(err.Error(), secret) {
			err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), secret, "********"))
		}
	}
	return err
}

// letter is the text of the mail, as a template in which nothing is to be filled in.
func (m mailer) letter(to recipient, token string) string {
	lines := []string{
		"Somebody asked for notices to be mailed to this address.",
		"Notices of: " + to.Owner,
		"",
		"To have them sent, open this link and press the button:",
		m.now.Load().config.LinksAt() + api.VerifyPath + token,
		"",
		"If you do not want them, do nothing: nothing more will be sent. The link is good for 7 days.",
	}
	for i, line := range lines {
		lines[i] = fmt.Sprintf("{{%q}}", line)
	}
	return strings.Join(lines, "\n")
}
