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
	return program, build(ctx, root, "bellbuoy", program, race, tags)
}

// BuildBrokers does the same with the sender for brokers.
func BuildBrokers(ctx context.Context, root, dir string, race bool) (string, error) {
	const name = "bellbuoy-sender-brokers"
	program := filepath.Join(dir, name)
	return program, build(ctx, root, name, program, race, nil)
}

func build(ctx context.Context, root, name, program string, race bool, tags []string) error {
	args := []string{"build", "-tags", strings.Join(tags, ","), "-o", program}
	env := append(os.Environ(), "CGO_ENABLED=0")
	if race {
		args = append(args, "-race")
		env = append(os.Environ(), "CGO_ENABLED=1")
	} else {
		// Without -trimpath, for which all that tests have compiled would be compiled again.
		args = append(args, "-ldflags=-s -w")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/"+name)...)
	cmd.Dir = root
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return nil
}
