package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrExists: there is one of that name already.
var ErrExists = errors.New("there is one of that name already")

// What the entries of the audit tell of who may ask.
const (
	AuditMakeToken   = "make token"
	AuditRotateToken = "rotate token"
	AuditDeleteToken = "delete token"
	AuditLogin       = "log in"
	AuditLogout      = "log out"
)

// Token is one that was made through the API. The store never sees its secret.
type Token struct {
	Name    string
	Hash    string // of the secret
	Role    string
	Scopes  []string // nil: they do not narrow
	Made    time.Time
	By      string
	Expires time.Time // zero: never
	Used    time.Time // the hour in which it was last shown; zero: never
	// Old is the hash of the secret before, which is taken until OldEnds; "" = there is none.
	Old     string
	OldEnds time.Time
}

const tokenColumns = `name, hash, role, scopes, made, by, expires, used, old, old_ends`

// Tokens lists those that were made, by name.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	return s.tokens(ctx, `TRUE ORDER BY name`)
}

// TokenOf returns the token of whose secret, or of whose secret before, hash is, expired or
// not, else [ErrNotFound].
func (s *Store) TokenOf(ctx context.Context, hash string) (Token, error) {
	return theOne(s.tokens(ctx, `hash = ?1 OR (old <> '' AND old = ?1)`, hash))
}

// Token returns the token of a name, else [ErrNotFound].
func (s *Store) Token(ctx context.Context, name string) (Token, error) {
	return theOne(s.tokens(ctx, `name = ?1`, name))
}

func theOne[T any](list []T, err error) (T, error) {
	var none T
	switch {
	case err != nil:
		return none, err
	case len(list) == 0:
		return none, ErrNotFound
	}
	return list[0], nil
}

func (s *Store) tokens(ctx context.Context, where string, args ...any) ([]Token, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+tokenColumns+` FROM token_made WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("find tokens: %w", dbError(err))
	}
	defer rows.Close()
	list := []Token{}
	for rows.Next() {
		var t Token
		var scopes string
		var made, expires, used, ends int64
		if err := rows.Scan(&t.Name, &t.Hash, &t.Role, &scopes, &made, &t.By, &expires, &used, &t.Old, &ends); err != nil {
			return nil, fmt.Errorf("find tokens: %w", dbError(err))
		}
		if scopes != "" {
			t.Scopes = []string{}
			if err := json.Unmarshal([]byte(scopes), &t.Scopes); err != nil {
				return nil, fmt.Errorf("read scopes of token %s: %w", t.Name, err)
			}
		}
		t.Made, t.Expires, t.Used, t.OldEnds = fromMicros(made), orZero(expires), orZero(used), orZero(ends)
		list = append(list, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find tokens: %w", dbError(err))
	}
	return list, nil
}

func orZero(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return fromMicros(n)
}

// MakeToken keeps a new token. Where there is one of its name it is [ErrExists].
func (s *Store) MakeToken(ctx context.Context, t Token) error {
	scopes := ""
	if t.Scopes != nil {
		b, err := json.Marshal(t.Scopes)
		if err != nil {
			return fmt.Errorf("make token %s: %w", t.Name, err)
		}
		scopes = string(b)
	}
	return s.changeToken(ctx, "make", t.Name, ErrExists, func(ctx context.Context) (sql.Result, error) {
		return s.conn.ExecContext(ctx, `INSERT INTO token_made (`+tokenColumns+`)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, '', 0) ON CONFLICT (name) DO NOTHING`,
			t.Name, t.Hash, t.Role, scopes, micros(t.Made), t.By, micros(t.Expires))
	}, t.By, AuditMakeToken, map[string]any{"role": t.Role, "scopes": t.Scopes, "expires": optional(micros(t.Expires))})
}

// RotateToken gives a token the secret of which hash is. The one before is taken until
// ends, and the one before that not any more.
func (s *Store) RotateToken(ctx context.Context, by, name, hash string, ends time.Time) error {
	return s.changeToken(ctx, "rotate", name, ErrNotFound, func(ctx context.Context) (sql.Result, error) {
		return s.conn.ExecContext(ctx, `UPDATE token_made SET old = hash, old_ends = ?3, hash = ?2 WHERE name = ?1`, name, hash, micros(ends))
	}, by, AuditRotateToken, map[string]any{"old_until": ends})
}

// DeleteToken ends a token at once.
func (s *Store) DeleteToken(ctx context.Context, by, name string) error {
	return s.changeToken(ctx, "delete", name, ErrNotFound, func(ctx context.Context) (sql.Result, error) {
		return s.conn.ExecContext(ctx, `DELETE FROM token_made WHERE name = ?1`, name)
	}, by, AuditDeleteToken, struct{}{})
}

// changeToken changes the token of a name and writes that down; where nothing is changed it
// is the error none.
func (s *Store) changeToken(ctx context.Context, doing, name string, none error, change func(context.Context) (sql.Result, error), by, what string, details any) error {
	var changed bool
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		changed = false
		done, err := change(ctx)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		changed = true
		_, err = s.audit(ctx, by, what, name, details)
		return err
	}})
	if err == nil && !changed {
		err = none
	}
	if err != nil {
		return fmt.Errorf("%s token %s: %w", doing, name, err)
	}
	return nil
}

// UsedToken notes the hour in which a token was shown.
func (s *Store) UsedToken(ctx context.Context, name string, hour time.Time) error {
	err := s.write(ctx, &job{lazy: true, run: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, `UPDATE token_made SET used = ?2 WHERE name = ?1 AND used < ?2`, name, micros(hour))
		return err
	}})
	if err != nil {
		return fmt.Errorf("note the use of token %s: %w", name, err)
	}
	return nil
}
