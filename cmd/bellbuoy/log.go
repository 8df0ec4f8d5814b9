package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// newLog makes the command that lists the log of a rule or a target: kind is "rules" or
// "targets".
func newLog(env environment, kind, short, long, example string) *cobra.Command {
	var f client.LogFilter
	cmd := &cobra.Command{
		Use:     "log NAME",
		Short:   short,
		Long:    long,
		Example: example,
		Args:    oneName,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Outcome, "outcome", "", "only deliveries in this `STATE`: delivered, dead, waiting, ...")
	flags.StringVar(&f.Since, "since", "", "only of events from this `TIME` on, or from so long ago")
	flags.StringVar(&f.Until, "until", "", "only of events up to this `TIME`, or up to so long ago")
	flags.IntVar(&f.Limit, "limit", 50, "at most `N` entries")
	if kind == "rules" {
		flags.BoolVar(&f.All, "all", false, "also what the rule did not take, and why")
	}
	complete(cmd, "outcome", states()...)
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.Limit < 1 {
			return wrongUse(cmd, "--limit %d: want 1 or more", f.Limit)
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		list, more, err := c.Log(cmd.Context(), kind, args[0], f)
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSONList(env.stdout, list, func(e client.LogEntry) json.RawMessage { return e.JSON })
		} else {
			err = printLog(env.stdout, list)
		}
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return &nothingFound{fmt.Sprintf("there is nothing in the log of %s", args[0])}
		case more && *format == outputTable:
			fmt.Fprintf(env.stderr, "These are the newest %d; there may be older ones: --limit N shows more.\n", len(list))
		}
		return nil
	}
	return cmd
}

// states are those of deliveries, the usual ones first.
func states() []string {
	return []string{"waiting", "parked", "delivered", "dead", "expired", "cancelled", "skipped", "shadowed", "folded"}
}

func newRulesLog(env environment) *cobra.Command {
	return newLog(env, "rules", "List what a rule took, and what became of it",
		`List what a rule took, newest first: a line for each delivery, with the action, the
repository, how it stands and when it was begun. With --all it lists every event of the
types that the rule takes now: those that it did not take are "not triggered", and why is
computed by the rules as they were when the event came. Times are RFC 3339, or how long
ago: 90m, 24h, 3d. The exit status is 3 where there is nothing.`,
		`  bellbuoy rules log releases
  bellbuoy rules log releases --all --since 1h
  bellbuoy rules log releases --outcome dead -o json`)
}

func newTargetsLog(env environment) *cobra.Command {
	return newLog(env, "targets", "List what was for a target, and what became of it",
		`List what was for a target, newest first: a line for each delivery, with the action,
the repository, how it stands and when it was begun. Times are RFC 3339, or how long
ago: 90m, 24h, 3d. The exit status is 3 where there is nothing.`,
		`  bellbuoy targets log ci
  bellbuoy targets log ci --outcome dead --since 24h`)
}

// printLog prints a table, and nothing where there are no entries.
func printLog(w io.Writer, list []client.LogEntry) error {
	if len(list) == 0 {
		return nil
	}
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "TIME\tACTION\tREPOSITORY\tTAGS\tSTATUS\tATTEMPTS\tTARGET\tID\tWHY")
		for _, e := range list {
			status, attempts := safe(e.Status), "-"
			if e.State != "" {
				status, attempts = fmt.Sprintf("%s (%s)", status, safe(e.State)), fmt.Sprint(e.Attempts)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", second(e.Time), actionOf(e),
				clip(safe(orDash(e.Repository)), cellMax), clip(safe(orDash(strings.Join(e.Tags, ","))), cellMax),
				status, attempts, safe(orDash(e.Target)), safe(cmp.Or(e.Delivery, e.Event)), logWhy(e))
		}
	})
}

// actionOf is what happened, in our word and in the registry's.
func actionOf(e client.LogEntry) string {
	s := e.Action
	if e.EventStatus != "" {
		s += "=" + e.EventStatus
	}
	if e.NativeAction != "" {
		s += " (" + e.NativeAction + ")"
	}
	return clip(safe(s), cellMax)
}

// logWhy says why it stands so, where there is something to say.
func logWhy(e client.LogEntry) string {
	why := e.Reason
	if why == "" && e.Last != nil {
		why = e.Last.Error
	}
	return safe(orDash(why))
}
