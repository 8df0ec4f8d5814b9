package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellbuoy/bellbuoy/internal/store/postgrestest"
)

// onPostgres says that the tests are to use PostgreSQL where they do not care.
var onPostgres = os.Getenv("BELLBUOY_TEST_STORE") == "postgres"

// server is the PostgreSQL of these tests, begun by the first that needs it.
var server = sync.OnceValues(func() (*postgrestest.Server, error) {
	s, err := postgrestest.Start(context.Background())
	if err == nil {
		stopServer = s.Stop
	}
	return s, err
})

var stopServer = func() error { return nil }

// tests are all of them, with the end of the server that they used.
type tests struct{ *testing.M }

func (m tests) Run() int {
	if onPostgres { // not in a bubble
		if _, err := emptyStore(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.M.Run()
	if err := stopServer(); err != nil && code == 0 {
		panic(err)
	}
	return code
}

// database makes one, on PostgreSQL, and returns its URL.
func database(t testing.TB) string {
	t.Helper()
	s, err := server()
	if errors.Is(err, postgrestest.ErrMissing) && os.Getenv("BELLBUOY_TEST_REQUIRE") != "all" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Database(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Drop(context.Background(), url); err != nil {
			t.Error(err)
		}
	})
	return url
}

// copied is a database in which there is an empty store. It is to be dropped.
func copied(t interface{ Fatal(...any) }) string {
	of, err := emptyStore()
	var url string
	if err == nil {
		s, _ := server()
		url, err = s.Database(context.Background(), of)
	}
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func dropped(t interface{ Fatal(...any) }, url string) {
	s, err := server()
	if err == nil {
		err = s.Drop(context.Background(), url)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var emptyStore = sync.OnceValues(func() (string, error) {
	s, err := server()
	if err != nil {
		return "", err
	}
	url, err := s.Database(context.Background(), "")
	if err != nil {
		return "", err
	}
	made, err := begin(context.Background(), url, Options{Version: "test"})
	if err != nil {
		return "", err
	}
	return url, made.Close()
})

// questions opens what a store is in, beside it.
func questions(path string) (*sql.DB, error) {
	if !isPostgres(path) {
		return sql.Open("sqlite", path)
	}
	config, err := pgx.ParseConfig(path)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector(config)), nil
}

// crash has a store on PostgreSQL leave as one whose process was killed: it gives nothing
// back.
func crash(s *Store) {
	if s.engine.crash != nil {
		s.engine.crash()
	}
}

// temp is where a store may be made.
func temp(t testing.TB) string {
	if onPostgres {
		return database(t)
	}
	return file(t)
}

// file is where a store in a file may be made, whatever engine the tests are to use.
func file(t testing.TB) string { return filepath.Join(t.TempDir(), "bellbuoy.db") }

// begin opens a store as the only process that uses it.
func begin(ctx context.Context, path string, o Options) (*Store, error) {
	if o.alone = isPostgres(path); o.alone && o.Now == nil {
		o.Now = time.Now // in a bubble, the database's clock is another
	}
	return Open(ctx, path, o)
}
