package access

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
)

func (w *world) make(n NewToken) string {
	w.Helper()
	secret, got, err := w.MakeToken(w.Context(), "alice", n)
	if err != nil {
		w.Fatal(err)
	}
	if got.Name != n.Name || got.Role != n.Role || got.By != "alice" || got.Inactive != "" {
		w.Errorf("made %+v", got)
	}
	if !strings.HasPrefix(secret, "bb_") || len(secret) != 46 {
		w.Errorf("the secret is %d letters", len(secret))
	}
	return secret
}

func TestTokensThatWereMade(t *testing.T) {
	w := newWorld(t)
	secret := w.make(NewToken{Name: "deploy", Role: Editor, Scopes: []string{"targets:read"}, Expires: 24 * time.Hour})
	other := w.make(NewToken{Name: "watch", Role: Viewer})
	if secret == other {
		t.Error("two are alike")
	}
	w.is("deploy is editor [] [targets:read]", bearer(secret))
	w.is("watch is viewer [] []", bearer(other))
	w.isNobody(bearer(secret[:45] + "_"))
	list, err := w.Tokens(t.Context())
	if err != nil || len(list) != 4 || list[0].Name != "ci" || list[1].Name != "deploy" || list[1].Used == nil || !list[1].Used.Equal(w.now().Truncate(time.Hour)) || list[2].Name != "ops" || list[2].Created != nil {
		t.Errorf("%+v, %v", list, err)
	}
	w.pass(24*time.Hour - time.Nanosecond)
	w.is("deploy is editor [] [targets:read]", bearer(secret))
	w.pass(time.Nanosecond)
	w.isNobody(bearer(secret))
	if got, err := w.Token(t.Context(), "deploy"); err != nil || !strings.HasPrefix(got.Inactive, "it has expired") {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.DeleteToken(t.Context(), "alice", "watch"); err != nil {
		t.Error(err)
	}
	w.isNobody(bearer(other))
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first := w.make(NewToken{Name: "deploy", Role: Editor})
	second, got, err := w.RotateToken(ctx, "alice", "deploy", time.Hour)
	if err != nil || got.OldUntil == nil || !got.OldUntil.Equal(w.now().Add(time.Hour)) {
		t.Fatalf("%+v, %v", got, err)
	}
	w.is("deploy is editor [] []", bearer(first))
	w.is("deploy is editor [] []", bearer(second))
	w.pass(time.Hour - time.Nanosecond)
	w.is("deploy is editor [] []", bearer(first))
	w.pass(time.Nanosecond)
	w.isNobody(bearer(first))
	w.is("deploy is editor [] []", bearer(second))

	third, _, err := w.RotateToken(ctx, "alice", "deploy", MaxOverlap)
	if err != nil {
		t.Fatal(err)
	}
	fourth, _, err := w.RotateToken(ctx, "alice", "deploy", 0)
	if err != nil {
		t.Fatal(err)
	}
	w.isNobody(bearer(second)) // there is one secret before, not two
	w.isNobody(bearer(third))
	w.is("deploy is editor [] []", bearer(fourth))
}

func TestTokensThatAreNotMade(t *testing.T) {
	w := newWorld(t)
	w.make(NewToken{Name: "deploy", Role: Editor})
	w.make(NewToken{Name: "narrow", Role: Admin, Scopes: []string{"tokens:write"}})
	refused := func(doing string, err error, status int, detail string) {
		t.Helper()
		r, ok := errors.AsType[*Refusal](err)
		if !ok || r.Status != status || !strings.Contains(r.Detail, detail) {
			t.Errorf("%s: %v", doing, err)
		}
	}
	ctx := t.Context()
	for _, c := range []struct {
		ctx    context.Context
		n      NewToken
		status int
		detail string
	}{
		{ctx, NewToken{Name: "Deploy", Role: Viewer}, 400, "is no name"},
		{ctx, NewToken{Name: strings.Repeat("x", 201), Role: Viewer}, 400, "is no name"},
		{ctx, NewToken{Name: "x", Role: "root"}, 400, "no role"},
		{ctx, NewToken{Name: "x"}, 400, "no role"},
		{ctx, NewToken{Name: "x", Role: Viewer, Expires: -1}, 400, "expires"},
		{ctx, NewToken{Name: "x", Role: Viewer, Scopes: []string{"events"}}, 400, "scopes"},
		{ctx, NewToken{Name: "x", Role: Viewer, Scopes: []string{"evnts:read"}}, 400, "scopes"},
		{ctx, NewToken{Name: "deploy", Role: Viewer}, 409, "already"},
		{ctx, NewToken{Name: "ci", Role: Viewer}, 409, "the configuration has"},
		{ctx, NewToken{Name: "alice", Role: Viewer}, 409, "the configuration has"},
		// A token that may make tokens makes none that may more than it.
		{With(ctx, Identity{Role: Admin, Scopes: []string{"tokens:write"}}), NewToken{Name: "x", Role: Admin}, 403, "cannot give"},
		{With(ctx, Identity{Role: Admin, Scopes: []string{"tokens:write"}}), NewToken{Name: "x", Role: Admin, Scopes: []string{"*:write"}}, 403, "cannot give"},
		{With(ctx, Identity{Role: Admin, Scopes: []string{"tokens:write", "events:read"}}), NewToken{Name: "x", Role: Admin, Scopes: []string{"events:write"}}, 403, "cannot give"},
	} {
		_, _, err := w.MakeToken(c.ctx, "alice", c.n)
		refused(c.n.Name, err, c.status, c.detail)
	}
	all := With(ctx, Identity{Role: Admin, Scopes: []string{"*:write"}})
	if _, _, err := w.MakeToken(all, "alice", NewToken{Name: "wide", Role: Admin}); err != nil {
		t.Error(err)
	}
	_, _, err := w.RotateToken(With(ctx, Identity{Role: Admin, Scopes: []string{"tokens:write"}}), "x", "deploy", 0)
	refused("take over a wider one", err, 403, "cannot give")
	_, _, err = w.RotateToken(ctx, "alice", "deploy", MaxOverlap+1)
	refused("rotate", err, 400, "overlap")
	_, _, err = w.RotateToken(ctx, "alice", "none", 0)
	refused("rotate none", err, 404, "bellbuoy tokens")
	_, _, err = w.RotateToken(ctx, "alice", "ci", 0)
	refused("rotate the file's", err, 409, "change it there")
	refused("delete the file's", w.DeleteToken(ctx, "alice", "ci"), 409, "change it there")
	refused("delete none", w.DeleteToken(ctx, "alice", "none"), http.StatusNotFound, "bellbuoy tokens")
}

// What the file names goes before what was made, which is kept and not taken.
func TestFileTakesName(t *testing.T) {
	w := newWorld(t)
	secret := w.make(NewToken{Name: "deploy", Role: Admin})
	w.admin.Tokens = append(w.admin.Tokens, config.Token{Name: "deploy", Role: "viewer", Secret: secretOf("another-0123456789")})
	w.Use(w.admin)
	w.isNobody(bearer(secret))
	list, err := w.Tokens(t.Context())
	if err != nil || len(list) != 4 || list[1].Name != "deploy" || list[2].Name != "deploy" || list[2].Inactive == "" {
		t.Errorf("%+v, %v", list, err)
	}
	w.admin.Tokens = w.admin.Tokens[:2]
	w.Use(w.admin)
	w.is("deploy is admin [] []", bearer(secret))
}
