package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestPostgresSQL(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT 1`:                                               `SELECT 1`,
		`UPDATE a SET b = ?2 WHERE c = ?1`:                       `UPDATE a SET b = $2 WHERE c = $1`,
		`SELECT a FROM b WHERE c = ? AND d IN (?, ?)`:            `SELECT a FROM b WHERE c = $1 AND d IN ($2, $3)`,
		`SELECT CAST(value AS BIGINT) FROM json_each(?1)`:        `SELECT CAST(value AS BIGINT) FROM elements($1)`,
		`UPDATE e SET keys = json_insert(keys, '$[#]', ?2)`:      `UPDATE e SET keys = appended(keys, $2)`,
		`json_each(CAST(e.json AS TEXT), '$.artifact.tags') = ?`: `tags(e.json) = $1`,
	} {
		if got := postgresSQL(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// The password of a store is in no message.
func TestStoreIsShownWithoutItsPassword(t *testing.T) {
	for _, url := range []string{
		"postgres://bb:s3cret@127.0.0.1:1/bb", "postgres://bb@127.0.0.1:1/bb?password=s3cret",
		"postgres://bb:s3cret@127.0.0.1:1/bb?sslmode=wrong", "postgres://bb:s3%cret@127.0.0.1:1/bb",
	} {
		s, err := Open(t.Context(), url, Options{})
		if err == nil {
			t.Fatal(url, "was opened", s.Close())
		}
		if strings.Contains(err.Error(), "s3") {
			t.Error(err)
		}
	}
}

// What a registry sends may have what text of a database cannot hold.
func TestTextThatIsNone(t *testing.T) {
	s := open(t, database(t))
	for i, repository := range []string{"a\x00b", "a\xffb"} {
		a := push(fmt.Sprint("n", i, "\x00"), repository, "ci")
		a.Items[0].Event.Artifact.Tags = []string{"v1", "v\x00"}
		a.Headers, a.Remote = map[string]string{"X": "\x00\xff"}, "\x00"
		accept(t, s, a)
	}
	if cs := claim(t, s, "ci", 8); len(cs) != 2 {
		t.Errorf("claimed %d", len(cs))
	}
	if list, err := s.Events(t.Context(), Query{Tag: "v1"}); err != nil || len(list) != 2 {
		t.Errorf("%d have the tag, %v", len(list), err)
	}
}

// Processes that begin at once make the schema once; one of an earlier version refuses
// what a later one made, and says which.
func TestManyBeginAtOnce(t *testing.T) {
	url := database(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := Open(t.Context(), url, Options{Version: "7.1"})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	db, err := questions(url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), url, Options{}); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "bellbuoy 7.1") {
		t.Errorf("%v, %v", s, err)
	}
}

// A database that was set back under a process is noticed: what it said yes to since is
// not there.
func TestDatabaseIsSetBack(t *testing.T) {
	s := join(t, database(t))
	accept(t, s, push("first", "r", "ci"))
	if _, err := s.db.ExecContext(t.Context(), `UPDATE writer SET n = 1`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), push("second", "r", "ci")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("accepted: %v", err)
	}
	if err := <-s.Failed(); !errors.Is(err, errOlder) {
		t.Error(err)
	}
}

// So is a later version that has changed the schema under it.
func TestLaterVersionTakesTheDatabase(t *testing.T) {
	s := join(t, database(t))
	if _, err := s.db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t.Context(), &job{run: s.engine.beat}); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
	if err := <-s.Failed(); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
}

func TestNoBackupOfPostgres(t *testing.T) {
	s := open(t, database(t))
	if c, err := s.Backup(t.Context()); !errors.Is(err, ErrNoCopy) {
		t.Errorf("%v, %v", c, err)
	}
}
