package store

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func address(t *testing.T, s *Store, mailbox string) Address {
	t.Helper()
	list, err := s.Addresses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.Mailbox == mailbox {
			return a
		}
	}
	t.Fatalf("%s is not in %+v", mailbox, list)
	return Address{}
}

// An address is mailed a link, again where no server takes the mail, and is verified by
// the last one.
func TestAddressIsVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, temp(t))
		given := []Address{{Owner: "repository prod/api", Mailbox: "ops@example.com"}, {Owner: "target ops", Mailbox: "ops@example.com"}}
		for range 2 { // the second time says nothing new
			if err := s.GiveAddresses(t.Context(), given); err != nil {
				t.Fatal(err)
			}
		}
		a, other := given[0], given[1]
		link := func(hash string, want bool) {
			t.Helper()
			if send, err := s.LinkAddress(t.Context(), a, hash); send != want || err != nil {
				t.Errorf("link %s: %t, %v", hash, send, err)
			}
		}
		link("one", true)
		link("two", false) // somebody else sends it
		if err := s.MailedAddress(t.Context(), a, "no server"); err != nil {
			t.Fatal(err)
		}
		if got := address(t, s, a.Mailbox); got.Tries != 1 || got.Error != "no server" || got.Mails != 0 || !got.Due.After(s.Now()) {
			t.Errorf("%+v", got)
		}
		time.Sleep(firstAddressTry)
		link("two", true)
		if err := s.MailedAddress(t.Context(), a, ""); err != nil {
			t.Fatal(err)
		}
		if got := address(t, s, a.Mailbox); got.Tries != 0 || got.Error != "" || got.Mails != 1 || !got.Due.IsZero() || got.Mailed.IsZero() {
			t.Errorf("%+v", got)
		}
		for _, hash := range []string{"one", "", "three"} {
			if _, err := s.VerifyAddress(t.Context(), hash); !errors.Is(err, ErrNotFound) {
				t.Errorf("hash %q: %v", hash, err)
			}
		}
		for range 2 { // a link may be opened again
			if got, err := s.VerifyAddress(t.Context(), "two"); err != nil || got.Owner != a.Owner || got.Verified.IsZero() {
				t.Errorf("%+v, %v", got, err)
			}
		}
		list, err := s.Addresses(t.Context())
		if err != nil || len(list) != 2 || list[0].Verified.IsZero() || !list[1].Verified.IsZero() {
			t.Errorf("%+v, %v", list, err)
		}
		if err := s.ResendAddress(t.Context(), a.Owner, a.Mailbox, "alice"); !errors.Is(err, ErrNotFound) {
			t.Errorf("of one that is verified: %v", err)
		}
		audit, err := s.Audit(t.Context(), AuditQuery{})
		if err != nil || len(audit) != 1 || audit[0].What != AuditVerify || audit[0].Object != a.Owner {
			t.Errorf("%+v, %v", audit, err)
		}

		// A link is good for a while only.
		a = other
		link("late", true)
		time.Sleep(AddressLinkFor)
		if _, err := s.VerifyAddress(t.Context(), "late"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
		// One that is verified is not forgotten.
		if err := s.ForgetAddresses(t.Context(), given); err != nil {
			t.Error(err)
		}
		if list, err := s.Addresses(t.Context()); err != nil || len(list) != 1 || list[0].Verified.IsZero() {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestResendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, temp(t))
		a := Address{Owner: "target ops", Mailbox: "ops@example.com"}
		if err := s.ResendAddress(t.Context(), a.Owner, a.Mailbox, "alice"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
		if err := s.GiveAddresses(t.Context(), []Address{a}); err != nil {
			t.Fatal(err)
		}
		for n := range MaxAddressMails {
			if send, err := s.LinkAddress(t.Context(), a, fmt.Sprint(n)); !send || err != nil {
				t.Fatalf("mail %d: %t, %v", n, send, err)
			}
			if err := s.MailedAddress(t.Context(), a, ""); err != nil {
				t.Fatal(err)
			}
			want := ErrTooSoon
			if n == MaxAddressMails-1 {
				want = ErrTooMany
			}
			if err := s.ResendAddress(t.Context(), a.Owner, a.Mailbox, "alice"); !errors.Is(err, want) {
				t.Errorf("at once: %v, want %v", err, want)
			}
			time.Sleep(AddressMailPause)
			if want == ErrTooSoon {
				want = nil
			}
			if err := s.ResendAddress(t.Context(), a.Owner, a.Mailbox, "alice"); !errors.Is(err, want) {
				t.Errorf("after a pause: %v, want %v", err, want)
			}
		}
	})
}

// What is for a target to which nothing may be sent yet is parked, for that reason, and
// released in order when it may.
func TestTargetToWhichNothingMayBeSentYet(t *testing.T) {
	s := open(t, temp(t))
	const why = "not yet verified: a link was mailed to o***@example.com"
	parked := func(reason string) {
		t.Helper()
		if err := s.Targets(t.Context(), map[string]Target{"ops": {Parked: reason}, "ci": {}}); err != nil {
			t.Fatal(err)
		}
	}
	parked(why)
	for _, id := range []string{"n1", "n2", "n3"} {
		accept(t, s, push(id, "a", "ops"))
		if d := stateOf(t, s, id); d.State != Parked || d.Reason != why {
			t.Errorf("%s: %+v", id, d)
		}
	}
	if got := claim(t, s, "ops", 8); len(got) != 0 {
		t.Errorf("claimed %+v", got)
	}
	if _, err := s.Cancel(t.Context(), "ops", "alice"); !errors.Is(err, ErrConfigured) {
		t.Errorf("%v", err)
	}
	if _, err := s.Reset(t.Context(), "ops", "alice"); err != nil {
		t.Fatal(err)
	}
	if d := stateOf(t, s, "n1"); d.State != Parked || d.Reason != why {
		t.Errorf("after a reset: %+v", d)
	}
	// Disabled meanwhile: it stays parked when it may be sent to, for that.
	if _, err := s.Disable(t.Context(), "ops", "alice"); err != nil {
		t.Fatal(err)
	}
	parked("")
	if d := stateOf(t, s, "n1"); d.State != Parked || d.Reason != "target is disabled: disabled by alice" {
		t.Errorf("disabled: %+v", d)
	}
	parked(why)
	if _, err := s.Enable(t.Context(), "ops", "alice"); err != nil {
		t.Fatal(err)
	}
	if d := stateOf(t, s, "n1"); d.State != Parked || d.Reason != why {
		t.Errorf("enabled again: %+v", d)
	}
	parked("")
	var got []string
	for _, c := range claim(t, s, "ops", 8) {
		got = append(got, c.Key)
	}
	if len(got) == 0 || stateOf(t, s, "n1").State != Waiting {
		t.Errorf("claimed %v, %+v", got, stateOf(t, s, "n1"))
	}
	parked(why) // an address was added
	accept(t, s, push("n4", "b", "ops"))
	if d := stateOf(t, s, "n4"); d.State != Parked || d.Reason != why {
		t.Errorf("%+v", d)
	}
}
