package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// A backup is a whole store that only its owner may read, and replaces nothing.
func TestBackup(t *testing.T) {
	server := sidecar(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "copy.db")
	got := bellbuoy(t, server, "backup", file)
	if got.status != exitDone || !strings.HasPrefix(got.stdout, file+": ") {
		t.Fatalf("%+v", got)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	s, err := store.Open(t.Context(), file, store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if tr, err := s.Trace(t.Context(), native); err != nil || len(tr.Deliveries) != 1 || len(tr.Deliveries[0].Attempts) != 2 {
		t.Errorf("%+v, %v", tr, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	got = bellbuoy(t, server, "backup", file)
	if got.status != exitFailed || !strings.Contains(got.stderr, "is there already") || got.stdout != "" {
		t.Errorf("onto a file that is there: %+v", got)
	}
	second := filepath.Join(dir, "second.db")
	got = bellbuoy(t, server, "backup", second, "-o", "json")
	var told struct {
		File  string
		Bytes int64
	}
	if err := json.Unmarshal([]byte(got.stdout), &told); err != nil || told.File != second || told.Bytes == 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A copy that is not whole leaves no file.
func TestBackupThatFails(t *testing.T) {
	magic := "SQLite format 3\x00"
	for what, answer := range map[string]struct {
		h    http.HandlerFunc
		says string
	}{
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.sqlite3")
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(magic + "and no more"))
		}, "after 27 bytes"},
		"no store": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.sqlite3")
			_, _ = w.Write([]byte("<html>"))
		}, "is no copy of a store"},
		"another server": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(magic))
		}, "but not as bellbuoy does"},
		"a problem": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"detail":"a backup is being made already"}`))
		}, "a backup is being made already"},
	} {
		t.Run(what, func(t *testing.T) {
			srv := httptest.NewServer(answer.h)
			defer srv.Close()
			dir := t.TempDir()
			got := bellbuoy(t, srv.URL, "backup", filepath.Join(dir, "copy.db"))
			left, err := os.ReadDir(dir)
			if got.status != exitFailed || !strings.Contains(got.stderr, answer.says) || err != nil || len(left) > 0 {
				t.Errorf("%+v; left are %v, %v", got, left, err)
			}
		})
	}
	if got := bellbuoy(t, "http://127.0.0.1:1", "backup"); got.status != exitUsage {
		t.Errorf("without a file: %+v", got)
	}
}
