package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

// maxObject is how large a file with an object may be.
const maxObject = 1 << 20

// addObjects adds to cmd the commands that show, make, change and delete what a noun has.
func addObjects(cmd *cobra.Command, env environment, noun client.Noun, kind, example string) {
	cmd.AddCommand(newObjectGet(env, noun, kind), newObjectCreate(env, noun, kind, example),
		newObjectUpdate(env, noun, kind), newObjectDelete(env, noun, kind))
}

func newObjectGet(env environment, noun client.Noun, kind string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: fmt.Sprintf("Show one %s, as it was written or made", kind),
		Long: fmt.Sprintf(`Show one %s as JSON, with the keys that a file has; its secrets are masked. Changed,
it can be given to "bellbuoy %s update NAME": what has the mask keeps its secret.
Who defines it is said on standard error; -o json has all of that.`, kind, noun),
		Example: fmt.Sprintf("  bellbuoy %s get NAME > it.json", noun),
		Args:    oneName,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		o, err := c.Object(cmd.Context(), noun, args[0])
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSON(env.stdout, o.JSON)
		}
		fmt.Fprintln(env.stderr, ownedBy(o))
		return printJSON(env.stdout, o.Object)
	}
	return cmd
}

// ownedBy says who defines an object, and whether it is in use.
func ownedBy(o client.Object) string {
	var b strings.Builder
	switch o.Owner.Kind {
	case "file":
		fmt.Fprintf(&b, "Defined in %s:%d: it is changed there.", safe(o.Owner.File), o.Owner.Line)
	case "api":
		fmt.Fprintf(&b, "Made through the API, version %d, last changed by %s.", o.Owner.Version, safe(o.Owner.By))
	default:
		b.WriteString("It is there as long as there is no config.")
	}
	if !o.InUse {
		fmt.Fprintf(&b, " It is not in use: %s", safe(o.Why))
	}
	if u := o.Unused; u != nil {
		fmt.Fprintf(&b, " One of that name was made through the API too, and is not in use: %s", safe(u.Why))
	}
	return b.String()
}

// wishFlags say how something is to be changed.
type wishFlags struct {
	wish client.Wish
	file string
}

func (f *wishFlags) add(cmd *cobra.Command, version bool) {
	cmd.Flags().BoolVar(&f.wish.DryRun, "dry-run", false, "say what is wrong with it, and change nothing")
	if version {
		cmd.Flags().Int64Var(&f.wish.Version, "if-version", 0, "only if it has version `N`, as \"get\" says")
	}
}

func (f *wishFlags) addFile(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "`FILE` with it, YAML or JSON with the keys of the config; - is standard input")
}

// read reads the file, and says for the audit who wants what.
func (f *wishFlags) read(cmd *cobra.Command, env environment, args []string) ([]byte, error) {
	f.sign(cmd, args)
	if f.file == "" {
		return nil, wrongUse(cmd, "--file is missing: name the file that has it, or - for standard input")
	}
	var in io.Reader = env.stdin
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, wrongUse(cmd, "%w", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxObject+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxObject {
		return nil, wrongUse(cmd, "%s is larger than %d KiB", f.file, maxObject>>10)
	}
	body, err := app.JSONOf(text)
	if err != nil {
		return nil, wrongUse(cmd, "%s: %w", f.file, err)
	}
	return body, nil
}

func (f *wishFlags) sign(cmd *cobra.Command, args []string) {
	f.wish.By = "`" + strings.Join(append([]string{cmd.CommandPath()}, args...), " ") + "`" + who()
}

func newObjectCreate(env environment, noun client.Noun, kind, example string) *cobra.Command {
	f := &wishFlags{}
	cmd := &cobra.Command{
		Use:   "create",
		Short: fmt.Sprintf("Make a %s", kind),
		Long: fmt.Sprintf(`Make a %s beside those of the config, of a file with the keys that it has there. Its
secrets are given themselves, and are sealed. What is wrong is told with the path of
each key, and the exit status is 2 then; it is 1 where there is one of that name.`, kind),
		Example: example,
		Args:    noArgs,
	}
	f.addFile(cmd)
	f.add(cmd, false)
	return changing(cmd, env, f, func(c *client.Client, _ []string, body []byte) (client.Object, error) {
		return c.Create(cmd.Context(), noun, body, f.wish)
	}, "made")
}

func newObjectUpdate(env environment, noun client.Noun, kind string) *cobra.Command {
	f := &wishFlags{}
	var patch bool
	cmd := &cobra.Command{
		Use:   "update NAME",
		Short: fmt.Sprintf("Put what a file has in the place of a %s, or make it", kind),
		Long: fmt.Sprintf(`Put what a file has in the place of a %s that was made through the API, or make it. With
--patch only the keys that the file has are changed; those that are null are taken away.
With --if-version nothing is changed that somebody else has changed meanwhile; the exit
status is 1 then, and also for what the config defines.`, kind),
		Example: fmt.Sprintf("  bellbuoy %s update NAME -f it.json --if-version 3\n  echo 'description: new' | bellbuoy %s update NAME --patch -f -", noun, noun),
		Args:    oneName,
	}
	f.addFile(cmd)
	f.add(cmd, true)
	cmd.Flags().BoolVar(&patch, "patch", false, "change only the keys that the file has")
	return changing(cmd, env, f, func(c *client.Client, args []string, body []byte) (client.Object, error) {
		if patch {
			return c.Patch(cmd.Context(), noun, args[0], body, f.wish)
		}
		return c.Put(cmd.Context(), noun, args[0], body, f.wish)
	}, "changed")
}

// changing completes a command that sends what a file has.
func changing(cmd *cobra.Command, env environment, f *wishFlags, do func(*client.Client, []string, []byte) (client.Object, error), done string) *cobra.Command {
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := f.read(cmd, env, args)
		if err != nil {
			return err
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		o, err := do(c, args, body)
		if err != nil {
			return tellFaults(env.stderr, f.file, err)
		}
		switch {
		case *format == outputJSON:
			return printJSON(env.stdout, o.JSON)
		case o.DryRun:
			_, err = fmt.Fprintf(env.stdout, "%s %s would be good. Nothing was changed.\n", safe(o.Kind), safe(o.Name))
		default:
			_, err = fmt.Fprintf(env.stdout, "%s %s %s, version %d.\n", safe(o.Kind), safe(o.Name), done, o.Owner.Version)
		}
		return err
	}
	return cmd
}

// tellFaults tells what is wrong in a file, a line each, where the server has told that.
func tellFaults(w io.Writer, file string, err error) error {
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok || len(problem.Errors) == 0 {
		return err
	}
	for _, f := range problem.Errors {
		fmt.Fprintf(w, "%s: %s\n", safe(file), safe(f.String()))
	}
	if problem.Status == http.StatusBadRequest {
		return exitStatus(exitUsage)
	}
	return exitStatus(exitFailed)
}

func newObjectDelete(env environment, noun client.Noun, kind string) *cobra.Command {
	f := &wishFlags{}
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: fmt.Sprintf("Delete a %s that was made through the API", kind),
		Long: fmt.Sprintf(`Delete a %s that was made through the API. What others go by stays; the exit status is
1 then, and also for what the config defines.`, kind),
		Example: fmt.Sprintf("  bellbuoy %s delete NAME", noun),
		Args:    oneName,
	}
	f.add(cmd, true)
	server := addServer(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.sign(cmd, args)
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		if err := c.Delete(cmd.Context(), noun, args[0], f.wish); err != nil {
			return err
		}
		done := "deleted"
		if f.wish.DryRun {
			done = "would be deleted"
		}
		_, err = fmt.Fprintf(env.stdout, "%s %s %s.\n", kind, safe(args[0]), done)
		return err
	}
	return cmd
}

// newRulesTurn makes the command that enables a rule, or disables it.
func newRulesTurn(env environment, enabled bool) *cobra.Command {
	verb, short, long := "disable", "Have a rule take no events for now", `Have a rule take no events until it is enabled. What it planned before is sent still.`
	if enabled {
		verb, short, long = "enable", "Have a rule take events again", `Have a rule take events again. What came meanwhile is not made up for: see "bellbuoy replay".`
	}
	cmd := &cobra.Command{
		Use: verb + " NAME", Short: short, Args: oneName, Example: "  bellbuoy rules " + verb + " releases",
		Long: long + `
Rules of the config are changed there; the exit status is 1 for these.`,
	}
	server := addServer(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		if _, err := c.Turn(cmd.Context(), args[0], enabled, "`"+cmd.CommandPath()+" "+args[0]+"`"+who()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "rule %s is %sd.\n", safe(args[0]), verb)
		return err
	}
	return cmd
}

func newRulesTest(env environment) *cobra.Command {
	var t client.RuleTest
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Try a rule with an event that is made for it",
		Long: `Have a rule judge an event that is made for it, and its targets get it where the rule
takes it. The event is of a type that the rule takes, unless --type names another.

The exit status is 0 where the rule takes it, and 1 where it does not.`,
		Example: `  bellbuoy rules test releases --repository prod/api --tag release-v1`,
		Args:    oneName,
	}
	flags := cmd.Flags()
	flags.StringVar(&t.Type, "type", "", "an event of this `TYPE`: artifact.pushed, tag.deleted, ...")
	flags.StringVar(&t.Registry, "registry", "", "from the registry of this `NAME`")
	flags.StringVar(&t.Repository, "repository", "", "about this repository: its full `NAME`")
	flags.StringVar(&t.Tag, "tag", "", "about an artifact with this `TAG`")
	complete(cmd, "type", typeNames()...)
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		t.By = "`" + cmd.CommandPath() + " " + args[0] + "`" + who()
		r, err := c.TestRule(cmd.Context(), args[0], t)
		if err != nil {
			return err
		}
		switch {
		case *format == outputJSON:
			err = printJSON(env.stdout, r.JSON)
		case r.Verdict.Matched:
			_, err = fmt.Fprintf(env.stdout, "Rule %s takes it: %s.\n`bellbuoy trace %s` has all of it.\n", safe(args[0]), amount(len(r.Deliveries), "delivery", "deliveries"), safe(r.Event))
		}
		if err == nil && !r.Verdict.Matched {
			err = fmt.Errorf("rule %s does not take it: %s", args[0], r.Verdict.Reason)
		}
		return err
	}
	return cmd
}

func newRegistries(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "registries",
		GroupID: groupAsk,
		Short:   "List the registries, and make, change or delete them",
		Long: `List the registries that may post to the running bellbuoy, and who defines each. The
exit status is 3 where there is none.`,
		Example: `  bellbuoy registries
  bellbuoy registries get hub`,
		Args: noArgs,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		list, err := c.Registries(cmd.Context())
		if err != nil {
			return err
		}
		switch {
		case *format == outputJSON:
			err = printJSONList(env.stdout, list, func(r client.Registry) json.RawMessage { return r.JSON })
		case len(list) > 0:
			err = table(env.stdout, func(w io.Writer) {
				fmt.Fprintln(w, "REGISTRY\tTYPE\tURL\tLOOKUP\tDEFINED IN")
				for _, r := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", safe(r.Name), safe(r.Type), safe(orDash(r.URL)), yesNo(r.Lookup), definedIn(r.Source, r.Owner))
				}
			})
		}
		if err == nil && len(list) == 0 {
			return &nothingFound{"there is no registry"}
		}
		return err
	}
	addObjects(cmd, env, client.RegistriesNoun, "registry", `  echo '{name: hub, type: distribution, auth: {bearer: s3cret}}' | bellbuoy registries create -f -`)
	return cmd
}
