package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Statements are written once, in words that SQLite knows, and read by PostgreSQL with
// its own: its placeholders, and the names of the functions that its schema has for what
// SQLite does with JSON. Those that differ in more than that stand in [postgresTexts].
var postgresWords = strings.NewReplacer(
	"json_each(CAST(e.json AS TEXT), '$.artifact.tags')", "tags(e.json)",
	"json_extract(u.details, '$.run')", "run_of(u.details)",
	"json_insert(keys, '$[#]', ?2)", "appended(keys, ?2)",
	"json_each(", "elements(",
	"json_group_object(", "json_object_agg(",
	"json_group_array(", "json_agg(",
)

// postgresSQL is a statement as PostgreSQL reads it. A placeholder without a number is
// the next one, as in SQLite.
func postgresSQL(text string) string {
	text = postgresWords.Replace(text)
	if !strings.Contains(text, "?") {
		return text
	}
	b := make([]byte, 0, len(text)+16)
	next := 1
	for i := 0; i < len(text); i++ {
		if text[i] != '?' {
			b = append(b, text[i])
			continue
		}
		b = append(b, '$')
		if i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' {
			continue
		}
		b = strconv.AppendInt(b, int64(next), 10)
		next++
	}
	return string(b)
}

// postgresConnector makes connections that read SQL as the rest of the store writes it.
type postgresConnector struct{ driver.Connector }

func connector(c *pgx.ConnConfig) driver.Connector {
	return postgresConnector{stdlib.GetConnector(*c)}
}

func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := made.(*stdlib.Conn)
	if !ok {
		return nil, fmt.Errorf("pgx made a %T", made)
	}
	return &postgresConn{conn}, nil
}

type postgresConn struct{ *stdlib.Conn }

func (c *postgresConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	return c.Conn.PrepareContext(ctx, postgresSQL(text))
}

func (c *postgresConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, postgresSQL(text), args)
}

func (c *postgresConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, postgresSQL(text), args)
}

// CheckNamedValue makes of a value what a column takes: flags are numbers, and text is
// UTF-8 without the character 0, which a registry may well send.
func (c *postgresConn) CheckNamedValue(v *driver.NamedValue) (err error) {
	v.Value, err = driver.DefaultParameterConverter.ConvertValue(v.Value)
	switch value := v.Value.(type) {
	case bool:
		v.Value = int64(0)
		if value {
			v.Value = int64(1)
		}
	case string:
		if !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0 {
			v.Value = strings.ReplaceAll(strings.ToValidUTF8(value, "\ufffd"), "\x00", "\ufffd")
		}
	}
	return err
}

// mine is the number of this process, as the writer's connection knows it.
const mine = `current_setting('bellbuoy.owner')::bigint`

// postgresTexts are SQLite's, but for those that mind other processes and those of which
// the two have different words.
func postgresTexts() *texts {
	t := sqliteTexts
	t.begin = `BEGIN`
	t.inOrder = ` ORDER BY c.key`

	// What is leased to another process holds its key as what waits does: a key is in the
	// hands of one process at a time.
	t.keyWaits = `SELECT
		EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND key <> '' AND state = 'waiting' AND lease = 0)
			OR EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND key <> '' AND lease <> 0 AND lease <> ` + mine + `),
		EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND state = 'waiting' AND behind = 1),
		EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND state = 'waiting' AND attempts > 0 AND hold_until > ?3)`
	// What is passed over for its key is looked at again and again, so it is bounded. Rows
	// are locked by nobody but a person who edits them: they are left to that person.
	_, returned, _ := strings.Cut(t.claim, "RETURNING")
	t.claim = `UPDATE delivery SET lease = ?4 WHERE seq IN (
			SELECT seq FROM delivery WHERE state = 'waiting' AND lease = 0 AND seq IN (
				SELECT seq FROM (SELECT seq, due FROM (SELECT seq, key, due FROM delivery
						WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts > 0 AND due <= ?2
						ORDER BY due LIMIT ?3::bigint + ` + lookedAt + `) d
					WHERE ` + freeKey + ` ORDER BY due LIMIT ?3) AS again
				UNION ALL
				SELECT seq FROM (SELECT seq FROM (SELECT seq, key FROM delivery
						WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts = 0 AND behind = 0 AND due <= ?2
						ORDER BY seq LIMIT ?3::bigint + ` + lookedAt + `) d
					WHERE ` + freeKey + ` ORDER BY seq LIMIT ?3) AS fresh
				LIMIT ?3)
			FOR UPDATE SKIP LOCKED)
		RETURNING` + returned

	t.takeLeased = `INSERT INTO token (target, delivery, attempt, owner) SELECT target, seq, earlier + attempts + 1, lease FROM delivery
		WHERE target = ?1 AND lease <> 0 AND NOT EXISTS (SELECT 1 FROM token
			WHERE token.delivery = delivery.seq AND token.attempt = delivery.earlier + delivery.attempts + 1)`
	// Digests are made of what nobody holds, and neither is their key.
	t.fresh = strings.Replace(t.fresh, "d.digest IS NOT NULL OR",
		`(d.key <> '' AND EXISTS (SELECT 1 FROM delivery o WHERE o.target = d.target AND o.key = d.key AND o.lease <> 0 AND o.lease <> `+mine+`))
			OR d.digest IS NOT NULL OR`, 1)

	t.upkeep.deleteRuleSets = `DELETE FROM rule_set WHERE last < coalesce((SELECT min(seq) FROM event), ?1)
		AND id <> ?3 AND hash NOT IN (SELECT value FROM elements(?2))
		AND hash NOT IN (SELECT e.value FROM process p, elements(p.rules) e) RETURNING hash`
	t.upkeep.deleteUnused = `DELETE FROM rule_set WHERE judged = 0 AND hash NOT IN (SELECT value FROM elements(?1))
		AND hash NOT IN (SELECT e.value FROM process p, elements(p.rules) e) RETURNING hash`
	return &t
}

const (
	lookedAt = `1000`
	freeKey  = `(d.key = '' OR NOT EXISTS (SELECT 1 FROM delivery o
						WHERE o.target = ?1 AND o.key = d.key AND o.lease <> 0 AND o.lease <> ?4))`
)
