package sidecar

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build builds cmd/bellbuoy of the module in root into dir, as it is released
// (static, stripped), or with the race detector, and with build tags, and returns the
// program's path.
func Build(ctx context.Context, root, dir string, race bool, tags ...string) (string, error) {
	program := filepath.Join(dir, strings.Join(append([]string{"bellbuoy"}, tags...), "-"))
	args := []string{"build", "-tags", strings.Join(tags, ","), "-o", program}
	env := append(os.Environ(), "CGO_ENABLED=0")
	if race {
		args = append(args, "-race")
		env = append(os.Environ(), "CGO_ENABLED=1")
	} else {
		args = append(args, "-trimpath", "-ldflags=-s -w")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/bellbuoy")...)
	cmd.Dir = root
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build bellbuoy: %w\n%s", err, out)
	}
	return program, nil
}
