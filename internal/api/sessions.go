package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) sessionOps() {
	handle(s, op{
		route: loginRoute, noun: "sessions", status: http.StatusCreated, errors: []int{http.StatusConflict},
		summary: "Log in with a password", detail: "The answer sets a cookie, which shows who asks from then on.",
	}, s.login)
	handle(s, op{
		route: "GET /api/v1/sessions", noun: "sessions",
		summary: "List where you are logged in, the newest first",
	}, s.sessions)
	handle(s, op{
		route: "DELETE /api/v1/sessions/{id}", noun: "sessions", errors: []int{http.StatusNotFound},
		summary: "End a session", detail: "Your own, or of an admin any one.",
	}, s.endSession)
	handle(s, op{
		route: "GET /api/v1/me", noun: "sessions",
		summary: "Say who asks, and what he may do",
	}, s.me)
}

// LoginRequest is what somebody shows who logs in.
type LoginRequest struct {
	User     string `json:"user" doc:"The name."`
	Password string `json:"password" doc:"The password."`
}

// mePage is who asks.
type mePage struct {
	Name   string      `json:"name" doc:"Of the token or the user; empty of a program on this machine, where nobody needs one."`
	Role   access.Role `json:"role" doc:"viewer, editor or admin."`
	Groups []string    `json:"groups" doc:"That the login names; they count as teams and organizations."`
	Scopes []string    `json:"scopes,omitempty" doc:"Those of the token; absent where they do not narrow what may be done."`
	Person bool        `json:"person" doc:"It is a person who logged in."`
}

func meOf(id access.Identity) mePage {
	p := mePage{Name: id.Name, Role: id.Role, Groups: id.Groups, Scopes: id.Scopes, Person: id.Person}
	if p.Groups == nil {
		p.Groups = []string{}
	}
	return p
}

type loggedIn struct {
	SetCookie string `header:"Set-Cookie" doc:"The session: HttpOnly, SameSite=Strict."`
	Body      mePage
}

func (s *server) login(ctx context.Context, in *struct{ Body LoginRequest }) (*loggedIn, error) {
	cookie, id, err := s.Access.Login(ctx, in.Body.User, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return &loggedIn{cookie.String(), meOf(id)}, nil
}

func (s *server) me(ctx context.Context, _ *struct{}) (*body[mePage], error) {
	return &body[mePage]{meOf(access.From(ctx))}, nil
}

// sessions lists those of who asks, or of everybody.
func (s *server) sessions(ctx context.Context, in *struct {
	All bool `query:"all" doc:"Those of everybody; for admins."`
}) (*body[[]access.Session], error) {
	id := access.From(ctx)
	if in.All {
		if p := (op{role: access.Admin, noun: "sessions"}).allowed(id); p != nil {
			return nil, p
		}
	} else if id.Name == "" || !id.Person {
		return &body[[]access.Session]{[]access.Session{}}, nil // a token has none
	}
	person := id.Name
	if in.All {
		person = ""
	}
	list, err := s.Access.Sessions(ctx, person)
	return &body[[]access.Session]{list}, err
}

func (s *server) endSession(ctx context.Context, in *struct{ ByID }) (*struct{}, error) {
	by, err := who(ctx, "")
	if err != nil {
		return nil, err
	}
	err = s.Access.End(ctx, by, in.ID, access.From(ctx).May("sessions", access.Admin))
	if errors.Is(err, store.ErrNotFound) {
		return nil, problemf(http.StatusNotFound, "there is no session %q that you may end: it is over, or never was", in.ID)
	}
	return &struct{}{}, err
}
