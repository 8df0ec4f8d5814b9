package faults_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A store of each earlier schema is opened under load. Bellbuoy is killed between its
// migrations, and behind them; then nothing of what the store was full of is lost. That
// a newer one is refused, a test of bellbuoy's start shows.
func TestUpgrade(t *testing.T) {
	files, err := filepath.Glob("../../internal/store/schema/sqlite/*.sql")
	if err != nil || len(files) < 7 {
		t.Fatalf("the migrations are %q, %v", files, err)
	}
	for version := 1; version < len(files); version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, built(t, buildToDie))
			w.start()
			w.ready()
			l := w.load(8, 0)
			w.more(l, 200)
			w.posting.Lock() // until nothing is on its way
			w.kill()
			w.downgrade(files[:version])
			w.posting.Unlock()
			for _, point := range []string{"migration:1", "migration:2", "migrated:1"} {
				if point == "migration:2" && version > len(files)-2 {
					continue // there is only one
				}
				w.start("BELLBUOY_FAILPOINT=" + point)
				if status := w.exit(); status != -1 {
					t.Fatalf("bellbuoy ended by itself with status %d before it came to the point %q\n%s", status, point, w.life.Log())
				}
			}
			w.start()
			w.ready()
			w.more(l, 50)
			l.end()
			tell(t, fmt.Sprintf("upgraded from schema %d", version), w.audit())
		})
	}
}

// downgrade puts in the place of the store one that only these migrations have made, with
// the same rows, as far as that has tables and columns for them.
func (w *world) downgrade(migrations []string) {
	w.t.Helper()
	older := w.config.Store + ".older"
	db, err := sql.Open("sqlite", older)
	if err != nil {
		w.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, file := range migrations {
		b, err := os.ReadFile(file)
		up, _, _ := strings.Cut(string(b), "-- +goose Down")
		if err == nil {
			_, err = db.ExecContext(w.ctx, up)
		}
		if err != nil {
			w.t.Fatalf("migrate by %s: %v", file, err)
		}
	}
	var versions string // the table that says which migrations were made
	_, err = db.ExecContext(w.ctx, `ATTACH '`+w.config.Store+`' AS newer`)
	if err == nil {
		err = db.QueryRowContext(w.ctx, `SELECT sql FROM newer.sqlite_schema WHERE name = 'goose_db_version'`).Scan(&versions)
	}
	if err == nil {
		_, err = db.ExecContext(w.ctx, fmt.Sprintf(versions+`; INSERT INTO main.goose_db_version
			SELECT * FROM newer.goose_db_version WHERE version_id <= %d`, len(migrations)))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	waiting := 0
	for _, table := range column(w.t, w.ctx, db, `SELECT name FROM main.sqlite_schema WHERE type = 'table'
		AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'`) {
		has := column(w.t, w.ctx, db, `SELECT name FROM pragma_table_info('`+table+`', 'main')`)
		had := column(w.t, w.ctx, db, `SELECT name FROM pragma_table_info('`+table+`', 'newer')`)
		columns := strings.Join(slices.DeleteFunc(has, func(c string) bool { return !slices.Contains(had, c) }), ", ")
		if _, err := db.ExecContext(w.ctx, fmt.Sprintf(`DELETE FROM main.%[1]s; INSERT INTO main.%[1]s (%[2]s) SELECT %[2]s FROM newer.%[1]s`, table, columns)); err != nil {
			w.t.Fatalf("copy table %s: %v", table, err)
		}
	}
	err = db.QueryRowContext(w.ctx, `SELECT count(*) FROM main.delivery WHERE state = 'waiting'`).Scan(&waiting)
	if err = errors.Join(err, db.Close()); err != nil || waiting == 0 {
		w.t.Fatalf("%d deliveries wait in the older store, %v; want some", waiting, err)
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(w.config.Store + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.t.Fatal(err)
		}
	}
	if err := os.Rename(older, w.config.Store); err != nil {
		w.t.Fatal(err)
	}
}

func column(t *testing.T, ctx context.Context, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
