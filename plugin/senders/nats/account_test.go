package nats

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

func quoted(t testing.TB, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// operator trusts accounts, of which it has one.
type operator struct {
	pair    nkeys.KeyPair
	claims  *jwt.OperatorClaims
	account nkeys.KeyPair
	jwt     string // of the account
}

func newOperator(t testing.TB) operator {
	t.Helper()
	pair, public := key(t, nkeys.CreateOperator)
	account, of := key(t, nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(of)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: 1 << 20, DiskStorage: 1 << 20, Streams: 1, Consumer: 1}
	token, err := claims.Encode(pair)
	if err != nil {
		t.Fatal(err)
	}
	return operator{pair, jwt.NewOperatorClaims(public), account, token}
}

func key(t testing.TB, create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return pair, public
}

// credentials are those of a new user of the account.
func (o operator) credentials(t testing.TB) string {
	t.Helper()
	user, public := key(t, nkeys.CreateUser)
	token, err := jwt.NewUserClaims(public).Encode(o.account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	b, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func credentials(t testing.TB) string {
	t.Helper()
	return newOperator(t).credentials(t)
}

// login is for who makes streams.
func (o operator) login(t testing.TB) nats.Option {
	t.Helper()
	return nats.UserCredentialBytes([]byte(o.credentials(t)))
}

// server knows the operator's accounts.
func (o operator) server(t testing.TB) *server.Server {
	t.Helper()
	return start(t, func(s *server.Options) {
		_, system := key(t, nkeys.CreateAccount)
		token, err := jwt.NewAccountClaims(system).Encode(o.pair)
		if err != nil {
			t.Fatal(err)
		}
		resolver := &server.MemAccResolver{}
		_, public := key(t, func() (nkeys.KeyPair, error) { return o.account, nil })
		if err := errors.Join(resolver.Store(public, o.jwt), resolver.Store(system, token)); err != nil {
			t.Fatal(err)
		}
		s.TrustedOperators, s.AccountResolver, s.SystemAccount = []*jwt.OperatorClaims{o.claims}, resolver, system
	})
}
