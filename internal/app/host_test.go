package app

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Never a folder for temporary files; systemd may name several.
func TestRunDirs(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "/run/a:/run/b")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/1000")
	want := []string{"/run/a", "/run/b", "/run/user/1000/bellbuoy", "/run/bellbuoy", "/var/lib/bellbuoy/.bellbuoy"}
	if d := cmp.Diff(want, runDirs("/var/lib/bellbuoy/bellbuoy.db")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	dir := t.TempDir()
	t.Chdir(dir)
	beside, err := filepath.Abs(".bellbuoy")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"/run/bellbuoy", beside}, runDirs("./bellbuoy.db")); d != "" {
		t.Errorf("without any (-want +got):\n%s", d)
	}
}
