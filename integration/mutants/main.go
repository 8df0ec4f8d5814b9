// Command mutants tests the tests. It plants one bug after the other into bellbuoy, of the
// kind that loses events, tells secrets or sends too much, and runs the tests that are
// there to find it. A bug that they do not find is a hole in them.
//
// No file of the repository is touched: the go command is given each changed file as an
// overlay, also where a test builds bellbuoy itself.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	only := flag.String("run", "", "only the bugs whose name matches this regular expression")
	list := flag.Bool("list", false, "list the bugs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	match, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants: -run:", err)
		os.Exit(2)
	}
	if *list {
		for _, m := range mutants() {
			fmt.Printf("%-28s %s: %s\n", m.name, m.file, m.finder)
		}
		return
	}
	if err := run(ctx, match); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run plants each bug that match names.
func run(ctx context.Context, match *regexp.Regexp) error {
	root, err := filepath.Abs("..") // the go command starts this in integration/
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bellbuoy-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	healthy := map[finder]bool{}
	planted, alive := 0, []string{}
	for _, m := range mutants() {
		if !match.MatchString(m.name) {
			continue
		}
		if !healthy[m.finder] { // a test that fails anyway finds nothing
			if out, err := m.finder.test(ctx, root, nil); err != nil {
				return fmt.Errorf("%s fails without any bug: %w\n%s", m.finder, err, out)
			}
			healthy[m.finder] = true
		}
		planted++
		found, took, err := m.try(ctx, root, filepath.Join(dir, m.name))
		if err != nil {
			return err
		}
		verdict := "found"
		if !found {
			verdict = "NOT FOUND"
			alive = append(alive, m.name)
		}
		fmt.Printf("%-10s %-28s by %s in %v\n", verdict, m.name, m.finder, took.Round(100*time.Millisecond))
	}
	switch {
	case planted == 0:
		return errors.New("no bug has such a name")
	case len(alive) > 0:
		return fmt.Errorf("%d of %d planted bugs are not found: %s", len(alive), planted, strings.Join(alive, ", "))
	}
	fmt.Printf("all %d planted bugs are found\n", planted)
	return nil
}

// mutant is one planted bug.
type mutant struct {
	name     string
	file     string // from the root of the repository
	old, new string // old occurs once in the file
	finder   finder
}

// finder is the tests that must find a bug.
type finder struct {
	module, pkg string // "." or "integration", and a package in it
	tests       string // a regular expression
}

func (f finder) String() string { return strings.TrimSpace(f.module + "/" + f.pkg + " " + f.tests) }

// test runs the tests, with what env adds to the environment.
func (f finder) test(ctx context.Context, root string, env []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "-C", f.module, "test", "-count=1", "-vet=off", "-timeout=4m", "-run", f.tests, f.pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("no tests to run")) {
		err = errors.New("there is no such test")
	}
	return out, err
}

// planted returns the file with the bug in it.
func (m mutant) planted(root string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	if n := bytes.Count(b, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: %s has %q %d times, and must have it once: write the bug anew", m.name, m.file, m.old, n)
	}
	return bytes.Replace(b, []byte(m.old), []byte(m.new), 1), nil
}

// try plants the bug, with its files in dir, and reports whether the tests found it.
func (m mutant) try(ctx context.Context, root, dir string) (found bool, took time.Duration, err error) {
	b, err := m.planted(root)
	if err != nil {
		return false, 0, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return false, 0, err
	}
	changed, overlay := filepath.Join(dir, filepath.Base(m.file)), filepath.Join(dir, "overlay.json")
	spec, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.file): changed}})
	if err != nil {
		return false, 0, err
	}
	if err := errors.Join(os.WriteFile(changed, b, 0o600), os.WriteFile(overlay, spec, 0o600)); err != nil {
		return false, 0, err
	}
	env := []string{"GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay)}
	build := exec.CommandContext(ctx, "go", "build", "./...")
	build.Dir, build.Env = root, append(os.Environ(), env...)
	if out, err := build.CombinedOutput(); err != nil {
		return false, 0, fmt.Errorf("%s does not compile: %w\n%s", m.name, err, out)
	}
	began := time.Now()
	out, err := m.finder.test(ctx, root, env)
	switch {
	case ctx.Err() != nil:
		return false, 0, ctx.Err()
	case err != nil && !bytes.Contains(out, []byte("--- FAIL")) && !bytes.Contains(out, []byte("panic: ")):
		return false, 0, fmt.Errorf("%s: %s failed without a test that did: %w\n%s", m.name, m.finder, err, out)
	}
	return err != nil, time.Since(began), nil
}
