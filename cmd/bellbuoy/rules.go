package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newRules(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rules",
		GroupID: groupAsk,
		Short:   "List the rules in use, and say why a changed config is not",
		Long: `List the rules by which the running bellbuoy goes, in their order, and where each
is written. Where its files were changed and have faults, the rules are those of
before; the faults are told below them.`,
		Example: `  bellbuoy rules
  bellbuoy rules log releases
  bellbuoy rules -o json`,
		Args: noArgs,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		r, err := c.Rules(cmd.Context())
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSON(env.stdout, r.JSON)
		}
		return printRules(env.stdout, r)
	}
	addObjects(cmd, env, client.RulesNoun, "rule", "  bellbuoy rules create -f releases.yml\n  echo '{name: all, deliver: [ci]}' | bellbuoy rules create -f -")
	cmd.AddCommand(newRulesLog(env), newRulesTurn(env, true), newRulesTurn(env, false), newRulesTest(env))
	return cmd
}

// printRules prints a table and what there is to say of the files.
func printRules(w io.Writer, r client.Rules) error {
	if len(r.Rules) > 0 {
		err := table(w, func(w io.Writer) {
			fmt.Fprintln(w, "RULE\tENABLED\tEVENTS\tTARGETS\tSOURCE")
			for _, rule := range r.Rules {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", safe(rule.Name), yesNo(rule.Enabled),
					clip(safe(orDash(strings.Join(rule.Events, ", "))), cellMax),
					clip(safe(orDash(strings.Join(rule.Targets, ", "))), cellMax), definedIn(rule.Source, rule.Owner))
			}
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if r.File == "" {
		fmt.Fprintf(w, "No config: this rule is there without one, and everything is kept. Since %s.\n", second(r.Loaded))
	} else {
		fmt.Fprintf(w, "%s of %s, in use since %s, hash %.12s.\n", rulesOf(len(r.Rules)), safe(r.File), second(r.Loaded), safe(r.RuleSet))
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(w, "%s\n", safe(f.Text))
	}
	if r.Failed != nil {
		fmt.Fprintf(w, "\nThe config was changed and has faults, so that it is not in use (read %s):\n", second(r.Failed.Time))
		for _, f := range r.Failed.Faults {
			fmt.Fprintf(w, "  %s\n", safe(f.Text))
		}
	}
	return nil
}

func rulesOf(n int) string {
	if n == 1 {
		return "1 rule"
	}
	return fmt.Sprintf("%d rules", n)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// definedIn says where an object is defined: in a file, or by whom through the API.
func definedIn(s *client.Source, by client.Owner) string {
	if by.Kind == "api" {
		return "the API"
	}
	return sourceOf(s)
}

func sourceOf(s *client.Source) string {
	if s == nil {
		return "-"
	}
	return safe(s.String())
}
