package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	ctx := context.Background()
	s := open(t, temp(t))
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	ci := Token{Name: "ci", Hash: "h1", Role: "editor", Scopes: []string{}, Made: at, By: "alice", Expires: at.Add(time.Hour)}
	plain := Token{Name: "a", Hash: "h0", Role: "viewer", Made: at, By: "alice"}
	for _, n := range []Token{ci, plain} {
		if err := s.MakeToken(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.MakeToken(ctx, Token{Name: "ci", Hash: "h9", Role: "admin"}); !errors.Is(err, ErrExists) {
		t.Errorf("another of that name: %v", err)
	}
	list, err := s.Tokens(ctx)
	if d := cmp.Diff([]Token{plain, ci}, list); d != "" || err != nil {
		t.Errorf("%v: (-want +got)\n%s", err, d)
	}
	for range 2 { // the second finds nothing to write
		if err := s.UsedToken(ctx, "ci", at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RotateToken(ctx, "bob", "ci", "h2", at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	ci.Used, ci.Old, ci.OldEnds, ci.Hash = at, "h1", at.Add(time.Minute), "h2"
	for _, hash := range []string{"h1", "h2"} {
		got, err := s.TokenOf(ctx, hash)
		if d := cmp.Diff(ci, got); d != "" || err != nil {
			t.Errorf("by %s: %v: (-want +got)\n%s", hash, err, d)
		}
	}
	if err := s.RotateToken(ctx, "bob", "ci", "h3", at); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"h1", "", "h9"} {
		if _, err := s.TokenOf(ctx, hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("by %q: %v", hash, err)
		}
	}
	if err := s.DeleteToken(ctx, "bob", "ci"); err != nil {
		t.Fatal(err)
	}
	for doing, err := range map[string]error{
		"delete": s.DeleteToken(ctx, "bob", "ci"), "rotate": s.RotateToken(ctx, "bob", "ci", "h4", at),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s what is gone: %v", doing, err)
		}
	}
	if _, err := s.Token(ctx, "ci"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is gone: %v", err)
	}
	audited(t, s, "delete token ci bob", "rotate token ci bob", "rotate token ci bob", "make token a alice", "make token ci alice")
}

// audited checks what the audit says was done, to what and by whom, the newest first.
func audited(t *testing.T, s *Store, want ...string) {
	t.Helper()
	list, err := s.Audit(t.Context(), AuditQuery{})
	var got []string
	for _, e := range list {
		got = append(got, e.What+" "+e.Object+" "+e.By)
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v: the audit is (-want +got)\n%s", err, d)
	}
}

func TestSessions(t *testing.T) {
	ctx := context.Background()
	s := open(t, temp(t))
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	of := func(id, person string, made time.Time) Session {
		return Session{ID: id, Person: person, Way: "password", Proof: "p", Made: made, Seen: made, Remote: "192.0.2.1", Agent: "a browser"}
	}
	begin := func(n Session, old string, before time.Time) {
		t.Helper()
		if err := s.MakeSession(ctx, n, old, before, before); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(person string) (got []string) {
		t.Helper()
		list, err := s.Sessions(ctx, person)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			got = append(got, n.ID)
		}
		return got
	}
	long := of("s0", "alice", at.Add(-time.Hour))
	begin(long, "", time.Time{})
	oidc := of("s1", "bob", at)
	oidc.Way, oidc.Groups = "oidc", []string{"ops", "鲍勃"}
	begin(oidc, "", at.Add(-time.Hour))
	begin(of("s2", "alice", at.Add(time.Minute)), "none", at) // forgets the first
	if d := cmp.Diff([]string{"s2", "s1"}, ids("")); d != "" {
		t.Errorf("all (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]string{"s2"}, ids("alice")); d != "" {
		t.Errorf("of one (-want +got)\n%s", d)
	}
	begin(of("s3", "alice", at.Add(2*time.Minute)), "s2", at) // in its place
	if err := s.SeenSession(ctx, "s1", at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.SeenSession(ctx, "s1", at); err != nil { // a clock that was set back
		t.Fatal(err)
	}
	oidc.Seen = at.Add(time.Hour)
	got, err := s.Session(ctx, "s1")
	if d := cmp.Diff(oidc, got); d != "" || err != nil {
		t.Errorf("%v: (-want +got)\n%s", err, d)
	}
	if err := s.EndSession(ctx, "alice", "s1", "alice"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another's: %v", err)
	}
	if err := s.EndSession(ctx, "alice", "s3", "alice"); err != nil {
		t.Error(err)
	}
	if err := s.EndSession(ctx, "root", "s1", ""); err != nil {
		t.Error(err)
	}
	if left := ids(""); len(left) > 0 {
		t.Errorf("there are %v", left)
	}
	audited(t, s, "log out bob root", "log out alice alice", "log in alice alice", "log in alice alice", "log in bob bob", "log in alice alice")
}
