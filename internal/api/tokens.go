package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

func (s *server) tokenOps() {
	handle(s, op{
		route: "GET /api/v1/tokens", role: access.Admin, noun: "tokens",
		summary: "List the tokens, without their secrets",
	}, s.tokens)
	handle(s, op{
		route: "POST /api/v1/tokens", role: access.Admin, noun: "tokens", status: http.StatusCreated, errors: []int{http.StatusConflict},
		summary: "Make a token", detail: "The answer has its secret, which nobody can tell again.",
	}, s.makeToken)
	handle(s, op{
		route: "GET /api/v1/tokens/{name}", role: access.Admin, noun: "tokens", errors: []int{http.StatusNotFound},
		summary: "Show a token, without its secret",
	}, s.token)
	handle(s, op{
		route: "DELETE /api/v1/tokens/{name}", role: access.Admin, noun: "tokens", errors: []int{http.StatusNotFound, http.StatusConflict},
		summary: "Delete a token", detail: "It is not taken any more from then on.",
	}, s.deleteToken)
	handle(s, op{
		route: "POST /api/v1/tokens/{name}/rotate", role: access.Admin, noun: "tokens", errors: []int{http.StatusNotFound, http.StatusConflict},
		summary: "Give a token another secret", detail: "The answer has it. The one before is taken for as long as overlap says.",
	}, s.rotateToken)
}

// TokenRequest is what a token is made of.
type TokenRequest struct {
	Name      string   `json:"name" doc:"Who shows it, in the audit." example:"ci"`
	Role      string   `json:"role" enum:"viewer,editor,admin" doc:"What may be done with it."`
	Scopes    []string `json:"scopes,omitempty" doc:"NOUN:read and NOUN:write, * being every noun; left out, they do not narrow what may be done."`
	ExpiresIn string   `json:"expires_in,omitempty" doc:"How long it is taken, such as 720h or 90d; left out, until it is deleted." example:"90d"`
	ByRequest
}

// RotateRequest asks for another secret.
type RotateRequest struct {
	Overlap string `json:"overlap,omitempty" doc:"How long the secret of now is still taken, 0s to 7d; left out, 0s." example:"24h"`
	ByRequest
}

// madeToken is a token with its secret, which is told this once.
type madeToken struct {
	access.Token
	Secret string `json:"secret" doc:"What to show, as Authorization: Bearer SECRET. It is told this once."`
}

type newToken struct {
	Location string `header:"Location" doc:"Where the token is."`
	Body     madeToken
}

func (s *server) tokens(ctx context.Context, _ *struct{}) (*body[[]access.Token], error) {
	list, err := s.Access.Tokens(ctx)
	return &body[[]access.Token]{list}, err
}

func (s *server) token(ctx context.Context, in *struct{ ByName }) (*body[access.Token], error) {
	t, err := s.Access.Token(ctx, in.Name)
	return &body[access.Token]{t}, err
}

func (s *server) makeToken(ctx context.Context, in *struct{ Body TokenRequest }) (*newToken, error) {
	by, err := who(ctx, in.Body.By)
	if err != nil {
		return nil, err
	}
	life, err := length("expires_in", in.Body.ExpiresIn)
	if err != nil {
		return nil, err
	}
	secret, t, err := s.Access.MakeToken(ctx, by, access.NewToken{Name: in.Body.Name, Role: access.Role(in.Body.Role), Scopes: in.Body.Scopes, Expires: life})
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "token made", "token", t.Name, "role", t.Role, "by", by)
	return &newToken{"/api/v1/tokens/" + url.PathEscape(t.Name), madeToken{t, secret}}, nil
}

func (s *server) rotateToken(ctx context.Context, in *struct {
	ByName
	Body RotateRequest
}) (*body[madeToken], error) {
	by, err := who(ctx, in.Body.By)
	if err != nil {
		return nil, err
	}
	overlap, err := length("overlap", in.Body.Overlap)
	if err != nil {
		return nil, err
	}
	secret, t, err := s.Access.RotateToken(ctx, by, in.Name, overlap)
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "token rotated", "token", t.Name, "by", by)
	return &body[madeToken]{madeToken{t, secret}}, nil
}

func (s *server) deleteToken(ctx context.Context, in *struct{ ByName }) (*struct{}, error) {
	by, err := who(ctx, "")
	if err == nil {
		err = s.Access.DeleteToken(ctx, by, in.Name)
	}
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "token deleted", "token", in.Name, "by", by)
	return &struct{}{}, nil
}

// length reads a length of time, 0 where there is none.
func length(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, ok := readDuration(text)
	if !ok {
		return 0, wrong(field, "%q is no length of time: write 24h or 90d", text)
	}
	return d, nil
}
