package api

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// verifying is an API that an address was given to, and a link was mailed from.
func verifying(t *testing.T) (w *world, token string, released *int) {
	t.Helper()
	w = newWorld(t)
	released = new(int)
	token = "TOKEN"
	a := store.Address{Owner: "target <b>", Mailbox: "ops@example.com"}
	if err := w.store.GiveAddresses(t.Context(), []store.Address{a}); err != nil {
		t.Fatal(err)
	}
	if send, err := w.store.LinkAddress(t.Context(), a, LinkHash(token)); !send || err != nil {
		t.Fatalf("%t, %v", send, err)
	}
	w.Handler = New(Config{
		Store: w.store, Ready: func() error { return nil }, Running: func() Running { return w.run },
		Verified: func(context.Context) error { *released++; return nil },
	})
	return w, token, released
}

// Whoever has the link needs nothing else, wherever he is: the guard does not ask him.
func TestLinkIsOpened(t *testing.T) {
	w, token, released := verifying(t)
	open := func(method, token string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, "https://bb.example.com"+VerifyPath+token, nil)
		r.RemoteAddr = "192.0.2.1:7"
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		return rec
	}
	for _, method := range []string{"GET", "HEAD", "GET"} {
		rec := open(method, token)
		if body := rec.Body.String(); rec.Code != 200 || !strings.Contains(body, `<form method="post">`) ||
			!strings.Contains(body, "ops@example.com") || !strings.Contains(body, "target &lt;b&gt;") || strings.Contains(body, "<b>") {
			t.Errorf("%s: %d %s", method, rec.Code, body)
		}
		if h := rec.Header(); h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Security-Policy") == "" {
			t.Errorf("headers are %v", h)
		}
	}
	if list, err := w.store.Addresses(t.Context()); err != nil || !list[0].Verified.IsZero() || *released != 0 {
		t.Errorf("to open a link changes %+v, %v", list, err)
	}
	for method, want := range map[string]int{"PUT": 405, "DELETE": 405} {
		if rec := open(method, token); rec.Code != want || rec.Header().Get("Allow") == "" {
			t.Errorf("%s: %d %s", method, rec.Code, rec.Body)
		}
	}
	for _, wrong := range []string{"", "token", "TOKEN/", "TOKEN2", LinkHash(token)} {
		for _, method := range []string{"GET", "POST"} {
			if rec := open(method, wrong); rec.Code != 404 || strings.Contains(rec.Body.String(), "example.com") {
				t.Errorf("%s %q: %d %s", method, wrong, rec.Code, rec.Body)
			}
		}
	}
	for n := range 2 {
		if rec := open("POST", token); rec.Code != 200 || strings.Contains(rec.Body.String(), "<form") || *released != n+1 {
			t.Errorf("%d %s, released %d times", rec.Code, rec.Body, *released)
		}
	}
	if list, err := w.store.Addresses(t.Context()); err != nil || list[0].Verified.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestMaskAddress(t *testing.T) {
	for mailbox, want := range map[string]string{
		"ops@example.com": "o***@example.com", "é1@example.com": "é***@example.com", "a@b": "a***@b", "@b": "***@b", "ops": "o***@",
	} {
		if got := MaskAddress(mailbox); got != want {
			t.Errorf("%s is shown as %s, want %s", mailbox, got, want)
		}
	}
}
