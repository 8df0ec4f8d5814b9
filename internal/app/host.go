package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/host"
)

// startHost makes the host of the senders, which are this program run again, or the file
// of a plugin. Their sockets go where the system keeps such things, else beside the
// store: never into a folder for temporary files, where a cleaner takes them away after
// some days.
func startHost(storePath, executable string, file func(typ string) (host.File, bool), log *slog.Logger) (*host.Host, error) {
	return hostIn(runDirs(storePath), host.Config{
		Logger:  log,
		Command: func(typ string) ([]string, error) { return []string{executable, "sender", typ}, nil },
		File:    file,
	})
}

// hostIn makes a host with the first of dirs that will do.
func hostIn(dirs []string, c host.Config) (*host.Host, error) {
	var errs []error
	for _, dir := range dirs {
		c.RunDir = dir
		h, err := host.New(c)
		if err == nil {
			return h, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("find a folder for the senders' sockets: %w: set XDG_RUNTIME_DIR to one with a short path", errors.Join(errs...))
}

func runDirs(storePath string) []string {
	var dirs []string
	dirs = append(dirs, filepath.SplitList(os.Getenv("RUNTIME_DIRECTORY"))...) // systemd's RuntimeDirectory=
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		dirs = append(dirs, filepath.Join(d, "bellbuoy"))
	}
	dirs = append(dirs, "/run/bellbuoy")
	if strings.Contains(storePath, "://") { // it is in no folder
		storePath = "./bellbuoy.db"
	}
	if abs, err := filepath.Abs(storePath); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(abs), ".bellbuoy"))
	}
	return dirs
}
