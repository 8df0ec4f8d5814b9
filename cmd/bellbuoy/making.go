package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

// making is connect where it makes the registry's side.
type making struct {
	app.Making
	env        environment
	secretFile string
	watch      bool
	every      time.Duration
	output     *output
	// flags are those by which it is known that something is to be made.
	flags []string
}

// secretVariables hold what there is no file for.
var secretVariables = map[string]string{"harbor": "BELLBUOY_HARBOR_PASSWORD", "quay": "BELLBUOY_QUAY_TOKEN"}

// leastEvery is how often a registry may be looked at.
const leastEvery = time.Second

// addMaking adds to cmd the flags that have it make the registry's side.
func addMaking(cmd *cobra.Command, env environment, typ string) *making {
	m := &making{env: env}
	m.Type = typ
	f := cmd.Flags()
	text := func(to *string, name, usage string) {
		m.flags = append(m.flags, name)
		f.StringVar(to, name, "", usage)
	}
	several := func(to *[]string, name, usage string) {
		m.flags = append(m.flags, name)
		f.StringArrayVar(to, name, nil, usage)
	}
	yes := func(to *bool, name, usage string) {
		m.flags = append(m.flags, name)
		f.BoolVar(to, name, false, usage)
	}
	called := "the `NAME` of what is made (default bellbuoy)"
	switch typ {
	case "distribution":
		text(&m.File, "file", "put it into this config.yml `FILE` of the registry")
	case "harbor":
		text(&m.API, "api", "make it through the API of Harbor at this `URL` (default url of the registry in the config)")
		text(&m.Username, "username", "`NAME` of the user, or of a robot with its prefix robot$")
		text(&m.secretFile, "password-file", "`FILE` that holds the password (default the one in $"+secretVariables[typ]+")")
		several(&m.Places, "project", "make it in this project, by `NAME`; may be repeated")
		yes(&m.All, "all", "make it in all projects")
	case "quay":
		text(&m.API, "api", "make it through the API of Quay at this `URL` (default url of the registry in the config)")
		text(&m.secretFile, "token-file", "`FILE` that holds the token (default the one in $"+secretVariables[typ]+")")
		several(&m.Places, "repository", "make it in this repository, `NAMESPACE/NAME`; may be repeated")
		several(&m.Organizations, "organization", "make it in all repositories of this organization, by `NAME`; may be repeated")
	}
	if typ != "distribution" {
		text(&m.CAFile, "ca-file", "`FILE` of certificates in PEM that are trusted too")
		several(&m.Events, "event", "only for this `EVENT`, in the registry's word; may be repeated (default all)")
		yes(&m.watch, "watch", "go on, for what is new")
		m.flags = append(m.flags, "every")
		f.DurationVar(&m.every, "every", 5*time.Minute, "`DURATION` between two looks, with --watch")
	}
	text(&m.Name, "name", called)
	yes(&m.DryRun, "dry-run", "only say what would be done")
	yes(&m.Remove, "remove", "take away what was made")
	m.flags = append(m.flags, "output")
	m.output = addOutput(cmd)
	return m
}

// asked reports whether something is to be made, and not only printed.
func (m *making) asked(cmd *cobra.Command) bool {
	return slices.ContainsFunc(m.flags, cmd.Flags().Changed)
}

// check finds what is missing, and flags that do not go together.
func (m *making) check(cmd *cobra.Command) error {
	switch {
	case m.Type == "distribution" && m.File == "":
		return wrongUse(cmd, "name the registry's config.yml with --file, to have it changed")
	case m.Type == "harbor" && len(m.Places) == 0 && !m.All:
		return wrongUse(cmd, "name a project with --project, or all with --all")
	case m.Type == "quay" && len(m.Places)+len(m.Organizations) == 0:
		return wrongUse(cmd, "name a repository with --repository, or all of an organization with --organization")
	case m.Type == "harbor" && m.Username == "":
		return wrongUse(cmd, "--username is missing: name the user or robot")
	case m.watch && (m.Remove || m.DryRun):
		return wrongUse(cmd, "--watch makes what is missing for as long as it runs: leave out --remove and --dry-run")
	case m.watch && m.every < leastEvery:
		return wrongUse(cmd, "--every %s: want %s or more", m.every, leastEvery)
	case cmd.Flags().Changed("every") && !m.watch:
		return wrongUse(cmd, "--every is for --watch")
	}
	return nil
}

// run makes it, and tells what became of it.
func (m *making) run(cmd *cobra.Command) error {
	if err := m.check(cmd); err != nil {
		return err
	}
	if m.Type != "distribution" {
		m.Secret = m.secret
		if _, err := m.secret(); err != nil {
			return wrongUse(cmd, "%w", err)
		}
	}
	ctx := cmd.Context()
	m.Now = m.env.now()
	m.UserAgent = "bellbuoy/" + readBuild().Version
	m.Warn = func(s string) { fmt.Fprintf(m.env.stderr, "bellbuoy: warning: %s\n", safe(s)) }
	m.Say = func(s string) { fmt.Fprintf(m.env.stderr, "bellbuoy: %s\n", safe(s)) }
	if m.watch {
		if m.env.getenv(traceable) == "" {
			if err := keepPrivate(); err != nil {
				return fmt.Errorf("keep the memory of this process from other processes: %w", err)
			}
		}
		m.Every = m.every
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
		defer stop()
		var failed error // to print
		m.Tell = func(r app.ConnectRow) {
			if err := m.line(r); err != nil {
				failed = err
				stop()
			}
		}
		if err := app.MakeConnection(ctx, m.Making); err != nil {
			return err
		}
		return failed
	}
	rows := []app.ConnectRow{}
	m.Tell = func(r app.ConnectRow) { rows = append(rows, r) }
	err := app.MakeConnection(ctx, m.Making)
	if _, wrong := err.(*app.WrongUse); wrong || err != nil && len(rows) == 0 {
		return err
	}
	if printing := m.print(rows); printing != nil {
		return printing
	}
	if err != nil {
		return err
	}
	return m.verdict(cmd, rows)
}

// verdict is how it ended: nil where nothing failed.
func (m *making) verdict(cmd *cobra.Command, rows []app.ConnectRow) error {
	failed, found := 0, 0
	for _, r := range rows {
		if r.Action == app.ConnectFailed {
			failed++
		}
		if r.Action != app.ConnectSkipped {
			found++
		}
	}
	switch {
	case failed > 0 && m.Type == "distribution":
		if rows[0].ByHand && *m.output == outputTable && !m.Remove {
			if err := app.Connect(cmd.Context(), m.Connection, m.env.stdout); err != nil {
				return err
			}
		}
		return fmt.Errorf("%s: %s", m.File, rows[0].Error)
	case failed > 0:
		return fmt.Errorf("%d of %d failed", failed, len(rows))
	case found == 0 && m.Type == "harbor":
		return &nothingFound{fmt.Sprintf("Harbor shows no project to %s: give it the right to list them; to a wrong password Harbor shows those that are public", m.Username)}
	case found == 0:
		return &nothingFound{"Quay shows no repository of that organization to this token: correct the name, or take a token of a user who can see them"}
	}
	return nil
}

// secret reads the password or the token.
func (m *making) secret() (string, error) {
	what, flag, variable := "password", "--password-file", secretVariables[m.Type]
	if m.Type == "quay" {
		what, flag = "token", "--token-file"
	}
	value := m.env.getenv(variable)
	if m.secretFile != "" {
		b, err := os.ReadFile(m.secretFile)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", what, err)
		}
		value = string(b)
	}
	value = strings.TrimRight(value, "\r\n")
	switch {
	case value == "" && m.secretFile != "":
		return "", fmt.Errorf("read %s: %s is empty", what, m.secretFile)
	case value == "":
		return "", fmt.Errorf("the %s is missing: name the file that holds it with %s, or set $%s", what, flag, variable)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("read %s: it has control characters, as of more than one line: write it alone into the file", what)
	}
	return value, nil
}

// print shows what became of each.
func (m *making) print(rows []app.ConnectRow) error {
	if *m.output == outputJSON {
		return printJSON(m.env.stdout, rows)
	}
	if m.Type == "distribution" {
		return m.printFile(rows[0])
	}
	if len(rows) == 0 {
		return nil
	}
	place, what := "PROJECT", "POLICY"
	if m.Type == "quay" {
		place, what = "REPOSITORY", "EVENT"
	}
	return table(m.env.stdout, func(w io.Writer) {
		fmt.Fprintf(w, "%s\t%s\tACTION\tDETAIL\n", place, what)
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", safe(r.Place), orDash(safe(r.What)), action(r), orDash(detail(r)))
		}
	})
}

// printFile shows what became of a file.
func (m *making) printFile(r app.ConnectRow) error {
	if r.Action == app.ConnectFailed {
		return nil // it is said as the error
	}
	var b strings.Builder
	b.WriteString(safeLines(r.Diff))
	if r.Diff == "" {
		fmt.Fprintf(&b, "%s: endpoint %s: %s\n", safe(r.Place), safe(r.What), action(r))
		for _, line := range []string{strings.Join(r.Changes, "; "), r.Note} {
			if line != "" {
				fmt.Fprintf(&b, "  %s\n", safe(line))
			}
		}
		if r.Backup != "" {
			fmt.Fprintf(&b, "  as it was: %s\n", safe(r.Backup))
		}
	}
	_, err := io.WriteString(m.env.stdout, b.String())
	return err
}

// line shows one row of a watch.
func (m *making) line(r app.ConnectRow) error {
	if *m.output == outputJSON {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("print JSON: %w", err)
		}
		_, err := m.env.stdout.Write(safeJSON(b.Bytes()))
		return err
	}
	line := fmt.Sprintf("%s  %s  %s", safe(r.Place), orDash(safe(r.What)), action(r))
	if d := detail(r); d != "" {
		line += "  " + d
	}
	_, err := fmt.Fprintln(m.env.stdout, line)
	return err
}

// action is what was done, or would be.
func action(r app.ConnectRow) string {
	would := map[app.ConnectAction]string{app.ConnectMade: "make", app.ConnectChanged: "change", app.ConnectReset: "reset", app.ConnectRemoved: "remove"}[r.Action]
	if r.DryRun && would != "" {
		return "would " + would
	}
	return string(r.Action)
}

func detail(r app.ConnectRow) string {
	var parts []string
	for _, s := range []string{r.Error, strings.Join(r.Changes, "; "), r.Note} {
		if s != "" {
			parts = append(parts, safe(s))
		}
	}
	return strings.Join(parts, "; ")
}
