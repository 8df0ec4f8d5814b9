package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const root = "../.."

// documents are the pages that tell people what to type.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	names := []string{"README.md", "CONTRIBUTING.md", "docker-compose.yml", "examples/bellbuoy.full.yml"}
	for _, dir := range []string{"docs", "docs/targets"} {
		docs, err := filepath.Glob(filepath.Join(root, dir, "*.md"))
		if err != nil || len(docs) == 0 {
			t.Fatalf("no pages in %s: %v", dir, err)
		}
		for _, d := range docs {
			names = append(names, dir+"/"+filepath.Base(d))
		}
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(b)
	}
	return pages
}

// commandLine is how the pages write a command: in a block of shell, or indented in a
// comment of YAML.
var commandLine = regexp.MustCompile(`(?m)^(?:\./bellbuoy|#  +(?:docker compose exec bellbuoy )?bellbuoy) (.+)$`)

// What the pages say that one can type can be typed: the verb is there, with these flags
// and so many arguments, and the help lists it.
func TestCommandsOfThePages(t *testing.T) {
	help := bellbuoy(t, "", "--help").stdout
	found := map[string]int{}
	for name, page := range documents(t) {
		for _, m := range commandLine.FindAllStringSubmatch(page, -1) {
			found[name]++
			line, _, _ := strings.Cut(m[1], "  ") // what it does stands behind it
			line, _, _ = strings.Cut(line, " > ") // where it goes
			args := strings.Fields(line)
			if !strings.Contains(help, "\n  "+args[0]+" ") {
				t.Errorf("%s: %q: the help does not list it", name, line)
			}
			cmd, rest, err := newRoot(environment{getenv: os.Getenv}).Find(args)
			if err == nil {
				err = usable(cmd, rest)
			}
			if err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			}
		}
	}
	if found["README.md"] < 4 || found["docker-compose.yml"] == 0 || found["examples/bellbuoy.full.yml"] == 0 {
		t.Errorf("too few commands are found: %v", found)
	}
}

// usable checks flags and arguments as cmd would, without running it.
func usable(cmd *cobra.Command, args []string) error {
	if err := cmd.ParseFlags(args); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// No verb is hidden.
func TestHelpListsEveryVerb(t *testing.T) {
	help := bellbuoy(t, "", "--help").stdout
	for _, cmd := range newRoot(environment{getenv: os.Getenv}).Commands() {
		if !strings.Contains(help, "\n  "+cmd.Name()+" ") {
			t.Errorf("%s is not listed", cmd.Name())
		}
	}
}

var makeTarget = regexp.MustCompile("(?m)(?:^ +|`)make ([a-z]+)")

func TestMakeTargetsOfThePages(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for name, page := range documents(t) {
		for _, m := range makeTarget.FindAllStringSubmatch(page, -1) {
			found++
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s: the Makefile has no %s", name, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no page names a make target")
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestLinksOfThePages(t *testing.T) {
	found := 0
	for name, page := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			found++
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
	if found == 0 {
		t.Error("no page links to another")
	}
}

var folderRow = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|")

// The picture of the house has a row for each package, and for nothing that is not
// there. A row stands for what lies below it too, but of internal/ and plugin/ each
// room has its own.
func TestPictureOfTheHouse(t *testing.T) {
	var rows []string
	for _, m := range folderRow.FindAllStringSubmatch(documents(t)["docs/architecture.md"], -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			rows = append(rows, strings.Trim(name, " `"))
		}
	}
	for _, row := range rows {
		if info, err := os.Stat(filepath.Join(root, row)); err != nil || !info.IsDir() {
			t.Errorf("%s has a row and is no folder: %v", row, err)
		}
	}
	packages := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if path.Ext(name) == ".go" {
			packages[path.Dir(name)] = true
		}
		return err
	})
	if err != nil || len(packages) == 0 {
		t.Fatalf("%d packages, %v", len(packages), err)
	}
	for name := range packages {
		room := name
		for !slices.Contains(rows, room) && room != "." {
			room = path.Dir(room)
		}
		if room == "." || room == "plugin" && name != "plugin" {
			t.Errorf("%s has no row", name)
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The registry's file that the page shows, which configures bellbuoy too, is a good one.
func TestOneFileOfThePage(t *testing.T) {
	blocks := yamlBlock.FindAllStringSubmatch(documents(t)["docs/registries.md"], -1)
	if len(blocks) != 1 {
		t.Fatalf("%d blocks of YAML, want the one file", len(blocks))
	}
	t.Chdir(t.TempDir())
	text := "storage: {inmemory: {}, delete: {enabled: true}}\n" + blocks[0][1]
	if err := os.WriteFile("config.yml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := bellbuoy(t, "", "check", "--registry-config", "config.yml")
	if got != (result{exitDone, "config.yml: good: 1 registry, 1 target, 1 rule\n", ""}) {
		t.Errorf("got %+v", got)
	}
}
