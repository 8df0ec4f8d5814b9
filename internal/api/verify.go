package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// VerifyPath begins the paths of mailed links: what is behind it is the token.
const VerifyPath = "/verify/"

// Unverified is a mail address to which nothing but a link is sent, until that is opened.
type Unverified struct {
	Address string     `json:"address"`          // of which a part is masked
	Mailed  *time.Time `json:"mailed,omitempty"` // when a server took the last mail
	Mails   int        `json:"mails"`            // that were taken
	Error   string     `json:"error,omitempty"`  // why the last was not
}

// LinkHash is what is kept of a link's token.
func LinkHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// MaskAddress is a mail address for those who need not know it: o***@example.com.
func MaskAddress(mailbox string) string {
	local, host, _ := strings.Cut(mailbox, "@")
	for i := range local {
		if i > 0 {
			local = local[:i]
			break
		}
	}
	return local + "***@" + host
}

//go:embed verify.html
var verifyHTML string

// verifyPage shows what a mailed link is for.
type verifyPage struct {
	Title, Address, Owner string
	Ask                   bool
}

// verify serves the links that are mailed to addresses. To open one changes nothing, since
// what looks through mails opens them too: the page has a button. Whoever has the token is
// whoever reads the address's mail, and needs no other.
func (s *server) verify() http.Handler {
	page := template.Must(template.New("verify").Parse(verifyHTML))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hash := LinkHash(strings.TrimPrefix(r.URL.Path, VerifyPath))
		show := func(status int, p verifyPage) {
			var out bytes.Buffer
			if err := page.Execute(&out, p); err != nil {
				fail(w, http.StatusInternalServerError, "write the page: %v", err)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			_, _ = w.Write(out.Bytes()) // an error here is a reader that went away
		}
		var a store.Address
		var err error
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			a, err = s.Store.LinkedAddress(r.Context(), hash)
		case http.MethodPost:
			// Who hangs up leaves no half of it behind.
			ctx := context.WithoutCancel(r.Context())
			if a, err = s.Store.VerifyAddress(ctx, hash); err == nil {
				err = s.Verified(ctx)
			}
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			fail(w, http.StatusMethodNotAllowed, "a mailed link takes GET and POST only, not %s", r.Method)
			return
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			show(http.StatusNotFound, verifyPage{Title: "This link is not good any more"})
		case err != nil:
			if r.Context().Err() == nil { // else nobody is there to be told
				s.problem(askedFor(r), err).write(w)
			}
		case a.Verified.IsZero():
			show(http.StatusOK, verifyPage{"May notices be mailed to you?", a.Mailbox, a.Owner, true})
		default:
			show(http.StatusOK, verifyPage{"Notices are mailed to you", a.Mailbox, a.Owner, false})
		}
	})
}

type resentPage struct {
	Target string `json:"target"` // its name
}

// resendLinks has the links for a target's addresses mailed again.
func (s *server) resendLinks(ctx context.Context, in *struct {
	ByName
	Body ByRequest
}) (*body[resentPage], error) {
	by, err := who(ctx, in.Body.By)
	if err != nil {
		return nil, err
	}
	err = store.ErrNotFound
	if s.Resend != nil {
		err = s.Resend(context.WithoutCancel(ctx), in.Name, by)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, problemf(http.StatusNotFound, "target %q has no address that waits to be verified: list what there is with `bellbuoy targets`", in.Name)
	case errors.Is(err, store.ErrTooSoon), errors.Is(err, store.ErrTooMany):
		return nil, problemf(http.StatusTooManyRequests, "%v: an address is sent at most %d mails, %s apart; ask who reads it to look for the last one",
			err, store.MaxAddressMails, store.AddressMailPause).with("Retry-After", "300")
	case err != nil:
		return nil, err
	}
	s.Log.InfoContext(ctx, "links are mailed again", "target", in.Name, "by", by)
	return &body[resentPage]{resentPage{in.Name}}, nil
}
