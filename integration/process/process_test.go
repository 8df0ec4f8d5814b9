//go:build linux

package process_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/process"
)

func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(exec.Command("sh", "-c", script), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStop(t *testing.T) {
	p := start(t, `trap 'echo asked; exit 7' TERM; echo up; while :; do sleep 0.01; done`)
	for !strings.Contains(p.Log(), "up") {
		time.Sleep(time.Millisecond)
	}
	status, err := p.Stop(t.Context())
	if err != nil || status != 7 {
		t.Errorf("status %d, %v; want 7", status, err)
	}
	if log := p.Log(); log != "up\nasked\n" {
		t.Errorf("log %q", log)
	}
}

func TestKill(t *testing.T) {
	p := start(t, "trap '' TERM; sleep 60 & wait")
	var children []int
	for len(children) == 0 {
		var err error
		if children, err = process.Children(p.PID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	tree, err := process.Tree(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{p.PID(), children[0]}; !slices.Equal(tree, want) {
		t.Errorf("tree %v, want %v", tree, want)
	}
	p.Kill()
	select {
	case <-p.Exited():
	default:
		t.Error("killed and still there")
	}
	for _, child := range children { // of init now
		if err := exec.Command("kill", "-KILL", strconv.Itoa(child)).Run(); err != nil {
			t.Error(err)
		}
	}
}

func TestReady(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	p := start(t, "sleep 60")
	defer p.Kill()
	if err := p.Ready(t.Context(), server.URL); err != nil || asked != 3 {
		t.Errorf("ready after %d questions, %v; want 3", asked, err)
	}
	gone := start(t, "echo too bad; exit 1")
	err := gone.Ready(t.Context(), "http://127.0.0.1:1/")
	if err == nil || !strings.Contains(err.Error(), "too bad") {
		t.Errorf("a program that ended: %v", err)
	}
}
