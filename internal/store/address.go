package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bounds of the mails by which addresses are verified.
const (
	// MaxAddressMails is how many an address gets for one owner, and within a day for all of
	// them.
	MaxAddressMails = 5
	// AddressMailPause is between two of them.
	AddressMailPause = 5 * time.Minute
	// AddressLinkFor is how long the link in one is good.
	AddressLinkFor = 7 * 24 * time.Hour

	firstAddressTry = time.Minute
	lastAddressTry  = time.Hour
)

// Errors of addresses.
var (
	// ErrTooSoon: the last mail was sent a moment ago.
	ErrTooSoon = errors.New("a mail was sent a moment ago")
	// ErrTooMany: there were as many mails as there may be.
	ErrTooMany = errors.New("as many mails were sent as may be")
)

// AuditVerify and AuditResend are what the entries of the audit tell of addresses.
const (
	AuditVerify = "verify address"
	AuditResend = "send link again"
)

// Address is a mail address that was given through the API. It is verified once somebody
// has opened the link that was mailed there.
type Address struct {
	Owner    string // for what it was given: what is verified for one is not for another
	Mailbox  string // in small letters
	Mails    int    // that a server took
	Mailed   time.Time
	Tries    int       // in a row that a server did not take one
	Due      time.Time // when one is to be sent; zero = none is
	Error    string    // of the last try
	Verified time.Time // zero: not yet
}

const addressColumns = `owner, mailbox, mails, mailed, tries, due, error, verified`

// Addresses lists all that were ever given, by owner.
func (s *Store) Addresses(ctx context.Context) ([]Address, error) {
	return s.addresses(ctx, `TRUE ORDER BY owner, mailbox`)
}

func (s *Store) addresses(ctx context.Context, where string, args ...any) ([]Address, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+addressColumns+` FROM address WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("find addresses: %w", dbError(err))
	}
	defer rows.Close()
	var list []Address
	for rows.Next() {
		var a Address
		var mailed, due, verified int64
		if err := rows.Scan(&a.Owner, &a.Mailbox, &a.Mails, &mailed, &a.Tries, &due, &a.Error, &verified); err != nil {
			return nil, fmt.Errorf("find addresses: %w", dbError(err))
		}
		a.Mailed, a.Due, a.Verified = moment(mailed), moment(due), moment(verified)
		list = append(list, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find addresses: %w", dbError(err))
	}
	return list, nil
}

// GiveAddresses takes in addresses that somebody gave: those that are new are to be mailed
// at once.
func (s *Store) GiveAddresses(ctx context.Context, given []Address) error {
	if len(given) == 0 {
		return nil
	}
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		for _, a := range given {
			if _, err := s.conn.ExecContext(ctx, `INSERT INTO address (owner, mailbox, hash, made, mails, mailed, tries, due, error, verified)
				VALUES (?1, ?2, '', 0, 0, 0, 0, ?3, '', 0) ON CONFLICT (owner, mailbox) DO NOTHING`,
				a.Owner, a.Mailbox, micros(s.now())); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("keep addresses to be verified: %w", err)
	}
	return nil
}

// LinkAddress keeps the hash of a link's token, right before the mail with the link is
// sent, where one is due: of several who ask, one is to send it. What was sent before is
// not good any more. Where nobody says how it ended, the mail is sent again after a while.
func (s *Store) LinkAddress(ctx context.Context, a Address, hash string) (send bool, err error) {
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		now := s.now()
		r, err := s.conn.ExecContext(ctx, `UPDATE address SET hash = ?3, made = ?4, due = ?5
			WHERE owner = ?1 AND mailbox = ?2 AND verified = 0 AND due > 0 AND due <= ?4`,
			a.Owner, a.Mailbox, hash, micros(now), micros(now.Add(AddressMailPause)))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		send = n > 0
		return err
	}})
	if err != nil {
		return false, fmt.Errorf("keep the link for %s: %w", a.Owner, err)
	}
	return send, nil
}

// MailedAddress notes how sending a mail ended: "" where a server took it. Where it did
// not, it is to be sent again later.
func (s *Store) MailedAddress(ctx context.Context, a Address, failed string) error {
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		now := s.now()
		if failed == "" {
			_, err := s.conn.ExecContext(ctx, `UPDATE address SET mails = mails + 1, mailed = ?3, tries = 0, due = 0, error = ''
				WHERE owner = ?1 AND mailbox = ?2`, a.Owner, a.Mailbox, micros(now))
			return err
		}
		wait := min(firstAddressTry<<min(a.Tries, 10), lastAddressTry)
		_, err := s.conn.ExecContext(ctx, `UPDATE address SET tries = tries + 1, due = ?3, error = ?4 WHERE owner = ?1 AND mailbox = ?2`,
			a.Owner, a.Mailbox, micros(now.Add(wait)), failed)
		return err
	}})
	if err != nil {
		return fmt.Errorf("note the mail for %s: %w", a.Owner, err)
	}
	return nil
}

// ResendAddress has another mail sent to an address that is not verified, for by.
// [ErrNotFound] where there is none, or it is verified; [ErrTooSoon], [ErrTooMany].
func (s *Store) ResendAddress(ctx context.Context, owner, mailbox, by string) error {
	var refused error
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		refused = nil
		var mails int
		var mailed, verified int64
		now := s.now()
		rows, err := s.conn.QueryContext(ctx, `SELECT mails, mailed, verified FROM address WHERE owner = ?1 AND mailbox = ?2`, owner, mailbox)
		if err != nil {
			return err
		}
		there := rows.Next()
		if there {
			err = rows.Scan(&mails, &mailed, &verified)
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return err
		}
		switch {
		case !there || verified != 0:
			refused = ErrNotFound
		case mails >= MaxAddressMails:
			refused = ErrTooMany
		case now.Sub(moment(mailed)) < AddressMailPause:
			refused = ErrTooSoon
		}
		if refused != nil {
			return nil
		}
		if _, err := s.conn.ExecContext(ctx, `UPDATE address SET tries = 0, due = ?3 WHERE owner = ?1 AND mailbox = ?2`, owner, mailbox, micros(now)); err != nil {
			return err
		}
		_, err = s.audit(ctx, by, AuditResend, owner, struct{}{})
		return err
	}})
	if err == nil {
		err = refused
	}
	if err != nil {
		return fmt.Errorf("send a link for %s again: %w", owner, err)
	}
	return nil
}

// ForgetAddresses forgets addresses that no target has any more and that were never
// verified.
func (s *Store) ForgetAddresses(ctx context.Context, gone []Address) error {
	if len(gone) == 0 {
		return nil
	}
	err := s.write(ctx, &job{lazy: true, rows: len(gone), run: func(ctx context.Context) error {
		for _, a := range gone {
			if _, err := s.conn.ExecContext(ctx, `DELETE FROM address WHERE owner = ?1 AND mailbox = ?2 AND verified = 0`, a.Owner, a.Mailbox); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("forget addresses: %w", err)
	}
	return nil
}

// LinkedAddress returns the address of whose link's token hash is, verified or not, else
// [ErrNotFound]; so too where the link is too old.
func (s *Store) LinkedAddress(ctx context.Context, hash string) (Address, error) {
	list, err := s.addresses(ctx, `hash = ?1 AND hash <> '' AND (made > ?2 OR verified <> 0)`, hash, micros(s.Now().Add(-AddressLinkFor)))
	switch {
	case err != nil:
		return Address{}, err
	case len(list) == 0:
		return Address{}, fmt.Errorf("find the address of a link: %w", ErrNotFound)
	}
	return list[0], nil
}

// VerifyAddress verifies the address of whose link's token hash is, and returns it. One
// that is verified stays so.
func (s *Store) VerifyAddress(ctx context.Context, hash string) (Address, error) {
	a, err := s.LinkedAddress(ctx, hash)
	if err != nil || !a.Verified.IsZero() {
		return a, err
	}
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		a.Verified = whole(s.now())
		if _, err := s.conn.ExecContext(ctx, `UPDATE address SET verified = ?3, due = 0, error = '' WHERE owner = ?1 AND mailbox = ?2 AND verified = 0`,
			a.Owner, a.Mailbox, micros(a.Verified)); err != nil {
			return err
		}
		_, err := s.audit(ctx, "who opened the mailed link", AuditVerify, a.Owner, struct{}{})
		return err
	}})
	if err != nil {
		return Address{}, fmt.Errorf("verify an address for %s: %w", a.Owner, err)
	}
	return a, nil
}
