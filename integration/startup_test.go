package integration_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to write to a store as a later bellbuoy would

	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// Exit statuses that scripts rely on.
const (
	failed      = 1
	wrongConfig = 2
)

// What is wrong at the start is said in words, with the place and the thing, and
// told apart by the exit status.
func TestStartRefused(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(*testing.T, *sidecar.Config) // before the start
		status int
		says   []string // "FILE" and "STORE" stand for their paths
	}{
		{
			name:   "unknown key",
			spoil:  edit("store:", "stroe: here\nstore:"),
			status: wrongConfig,
			says:   []string{"FILE:", "stroe", "did you mean", "store"},
		},
		{
			name:   "unknown target in a rule",
			spoil:  edit("- ci\n", "- cj\n"),
			status: wrongConfig,
			says:   []string{"FILE:", "rules[0].deliver[0]", "cj", "ci"},
		},
		{
			name:   "missing environment variable",
			spoil:  edit("bearer: "+sidecar.Bearer, "bearer: {env: BELLBUOY_TEST_NOT_SET}"),
			status: wrongConfig,
			says:   []string{"FILE:", "registries[0].auth", "BELLBUOY_TEST_NOT_SET"},
		},
		{
			name:   "no such file",
			spoil:  func(_ *testing.T, c *sidecar.Config) { c.Path += ".not" },
			status: wrongConfig,
			says:   []string{"FILE"},
		},
		{
			name:   "intake's port in use",
			spoil:  func(t *testing.T, c *sidecar.Config) { occupy(t, c.Listen) },
			status: failed,
			says:   []string{"LISTEN", "address already in use"},
		},
		{
			name:   "admin's port in use",
			spoil:  func(t *testing.T, c *sidecar.Config) { occupy(t, c.Admin) },
			status: failed,
			says:   []string{"ADMIN", "address already in use"},
		},
		{
			name:   "store in no directory",
			spoil:  editStore("bellbuoy.yml/bellbuoy.db"), // below a file, which nobody can write, root neither
			status: failed,
			says:   []string{"bellbuoy.yml/bellbuoy.db"},
		},
		{
			name: "store is a directory",
			spoil: func(t *testing.T, c *sidecar.Config) {
				if err := os.Mkdir(c.Store, 0o700); err != nil {
					t.Fatal(err)
				}
			},
			status: failed,
			says:   []string{"STORE"},
		},
		{
			name: "store is no database",
			spoil: func(t *testing.T, c *sidecar.Config) {
				if err := os.WriteFile(c.Store, bytes.Repeat([]byte("not a database. "), 4096), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			status: failed,
			says:   []string{"STORE", "corrupt"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := sidecar.Write(t.TempDir(), sidecar.Options{Target: "http://127.0.0.1:9/hook"})
			if err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, &c)
			refused(t, c, tt.status, tt.says...)
		})
	}
}

func TestStoreInUse(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	second, err := sidecar.Write(t.TempDir(), sidecar.Options{Target: s.rec.URL()})
	if err != nil {
		t.Fatal(err)
	}
	replace(t, second.Path, second.Store, s.config.Store)
	second.Store = s.config.Store
	refused(t, second, failed, "STORE", "in use by another bellbuoy")

	// The first one never noticed.
	if _, err := s.registry().Push(s.ctx, "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	s.until("the first still delivers", func() bool { return delivered(s) == 1 })
}

// A database that was good once and has since been damaged in the middle.
func TestStoreDamaged(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	if _, err := s.registry().Push(s.ctx, "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	s.until("the event is delivered", func() bool { return delivered(s) == 1 })
	s.stop()
	b, err := os.ReadFile(s.config.Store)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ { // every page but the first
		b[i] = 0xa5
	}
	if err := os.WriteFile(s.config.Store, b, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, s.config, failed, "STORE", "corrupt")
}

// A store that a later bellbuoy has changed is not touched by an earlier one.
func TestStoreOfNewer(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	s.stop()
	db, err := sql.Open("sqlite", s.config.Store)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(s.ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1);
		UPDATE meta SET value = '99.9.9' WHERE key = 'written_by'`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	refused(t, s.config, failed, "STORE", "newer bellbuoy", "99.9.9", "9999")
}

// stop ends the present life in order.
func (s *stage) stop() {
	s.t.Helper()
	status, err := s.sidecar.Stop(s.ctx)
	if err != nil || status != 0 {
		s.t.Fatalf("stop bellbuoy: status %d, %v", status, err)
	}
}

// refused runs bellbuoy with c and checks how it refuses.
func refused(t *testing.T, c sidecar.Config, status int, says ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	life, err := sidecar.Start(program(t), c, filepath.Join(t.TempDir(), "bellbuoy.log"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := life.Exit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	log := life.Log()
	t.Logf("status %d: %s", got, log)
	if got != status {
		t.Errorf("exit status %d, want %d", got, status)
	}
	places := strings.NewReplacer("FILE", c.Path, "STORE", c.Store, "LISTEN", c.Listen, "ADMIN", c.Admin)
	for _, what := range says {
		if what = places.Replace(what); !strings.Contains(log, what) {
			t.Errorf("it does not say %q", what)
		}
	}
	if strings.Contains(log, "goroutine ") || strings.Contains(log, "panic") {
		t.Error("it says so with a stack")
	}
}

func occupy(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// edit replaces a part of the configuration file.
func edit(before, after string) func(*testing.T, *sidecar.Config) {
	return func(t *testing.T, c *sidecar.Config) { replace(t, c.Path, before, after) }
}

// editStore moves the store to a path beside the configuration file.
func editStore(name string) func(*testing.T, *sidecar.Config) {
	return func(t *testing.T, c *sidecar.Config) {
		path := filepath.Join(filepath.Dir(c.Path), name)
		replace(t, c.Path, c.Store, path)
		c.Store = path
	}
}

func replace(t *testing.T, path, before, after string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b, []byte(before)) != 1 {
		t.Fatalf("%s does not have exactly one %q:\n%s", path, before, b)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte(before), []byte(after), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}
