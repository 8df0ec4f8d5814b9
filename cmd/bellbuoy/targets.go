package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newTargets(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "targets",
		GroupID: groupAsk,
		Short:   "List the targets, and decide what becomes of one",
		Long: `List the targets of the running bellbuoy, how many deliveries to each are in which
state, and how each is: healthy, failing (its circuit is open, and nothing but probes
is sent), paused (it asked to be left alone), disabled (until "bellbuoy targets enable
NAME") or gone.

A target that the config does not name any more is listed as long as
there is a delivery to it: those that were not made are parked until its name
returns, or are given up with "bellbuoy targets cancel NAME".

The exit status is 3 where there is none.`,
		Example: `  bellbuoy targets
  bellbuoy targets reset ci
  bellbuoy targets cancel old-ci`,
		Args: noArgs,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		list, err := c.Targets(cmd.Context())
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSONList(env.stdout, list, func(t client.Target) json.RawMessage { return t.JSON })
		} else {
			err = printTargets(env.stdout, list)
		}
		if err == nil && len(list) == 0 {
			return &nothingFound{"there is no target"}
		}
		return err
	}
	cmd.AddCommand(newTargetsCancel(env), newTargetsDisable(env), newTargetsEnable(env), newTargetsReset(env), newTargetsLog(env))
	addObjects(cmd, env, client.TargetsNoun, "target", "  bellbuoy targets create -f ci.yml\n  bellbuoy targets create -f ci.yml --dry-run")
	return cmd
}

func newTargetsCancel(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel NAME",
		Short: "Give up the deliveries that are parked for a target which is gone",
		Long: `End the deliveries that are parked for a target which the config does not name any
more. They are "cancelled" then, and are not made though the name returns. The
exit status is 3 where there are none.`,
		Example: `  bellbuoy targets cancel old-ci`,
		Args:    oneName,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		n, err := c.CancelTarget(cmd.Context(), args[0], "`"+cmd.CommandPath()+" "+args[0]+"`"+who())
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSON(env.stdout, map[string]int{"cancelled": n})
		}
		what := "deliveries"
		if n == 1 {
			what = "delivery"
		}
		_, err = fmt.Fprintf(env.stdout, "%d %s to %s cancelled.\n", n, what, safe(args[0]))
		return err
	}
	return cmd
}

// who names the user of this process, where the system knows it.
func who() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return ""
	}
	return " of " + u.Username
}

// printTargets prints a table, and nothing where there are no targets.
func printTargets(w io.Writer, list []client.Target) error {
	if len(list) == 0 {
		return nil
	}
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "TARGET\tTYPE\tIN CONFIG\tDELIVERIES\tSOURCE\tCONDITION")
		for _, t := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", safe(t.Name), safe(orDash(t.Type)), yesNo(t.InConfig), counts(t.Deliveries), definedIn(t.Source, t.Owner),
				conditionText(t.Condition)+unverifiedText(t.Unverified))
		}
	})
}

// unverifiedText says for which addresses the deliveries to a target are parked.
func unverifiedText(list []client.Unverified) string {
	var b strings.Builder
	for _, u := range list {
		fmt.Fprintf(&b, "; %s is not verified", safe(u.Address))
		switch {
		case u.Error != "":
			fmt.Fprintf(&b, ", and no link could be mailed: %s", safe(u.Error))
		case u.Mails > 0:
			b.WriteString(": a link was mailed")
		}
	}
	return b.String()
}
