package api

import (
	"context"
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// secureHeaders tells browsers to show answers as what they say they are, to keep
// no copy, and to let no other site embed or read them.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// loginRoute is the one operation that is for whoever is nobody yet.
const loginRoute = "POST /api/v1/sessions"

// guarded serves those who may ask, and tells next who they are.
func (s *server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identify := s.Access.Identify
		if r.Method+" "+r.URL.Path == loginRoute {
			identify = s.Access.Site
		}
		ctx, refusal := identify(r)
		if refusal != nil {
			refused(refusal).write(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// refused is the answer to whom the guard refuses.
func refused(r *access.Refusal) *problem {
	p := problemf(r.Status, "%s", r.Detail)
	p.header = r.Header()
	return p
}

// ownOr is who asks, or the person that he names, if he may.
func ownOr(ctx context.Context, person, noun string) (string, error) {
	id := access.From(ctx)
	if id.Name == "" || person == "" || person == id.Name || id.May(noun, access.Admin) {
		return person, nil
	}
	return "", problemf(http.StatusForbidden, "user: you are %s, and only an admin asks as somebody else: leave it out", id.Name)
}
