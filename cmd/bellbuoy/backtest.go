package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newBacktest(env environment) *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:     "backtest FILE",
		GroupID: groupAsk,
		Short:   "Say what a changed config would have delivered, before it is in force",
		Long: `Judge the stored events by the rules in force and by those of the config in FILE, and
print for each rule and each target how many there are before and after, and how many
only before or only after, with the newest examples. Before is what the rules in force
make of the events now, also where others were in force when they came. Nothing is sent,
and nothing changes.

A rule of FILE that matches no event is marked dead. A target's numbers are deliveries:
one for each event, and one more where rules have it told in another way. Events that
are still held are left out. The exit status is 2 where FILE has faults, and 3 where no
event was stored in that time.`,
		Example: `  bellbuoy backtest new.yml
  bellbuoy backtest new.yml --since 72h -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUse(cmd, "want one FILE, the changed config, not %d", len(args))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "72h", "events from this `TIME` on, or from so long ago")
	server := addServer(cmd, env)
	format := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		set, err := app.Rules(cmd.Context(), app.Files{Config: args[0]})
		if err != nil {
			return err
		}
		for _, f := range set.Warnings {
			if strings.HasPrefix(f.Path, "rules") {
				fmt.Fprintln(env.stderr, safe(f.String()))
			}
		}
		bar := newBar(env.stderr, "events")
		b, err := c.Backtest(cmd.Context(), set.Source, since, bar.show)
		bar.clear()
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSON(env.stdout, b.JSON)
		} else {
			err = printBacktest(env.stdout, b)
		}
		if err == nil && b.Events == 0 {
			return &nothingFound{"no event was stored in that time: choose a longer one with --since"}
		}
		return err
	}
	return cmd
}

// printBacktest prints tables, and nothing where there are no events.
func printBacktest(w io.Writer, b client.Backtest) error {
	if b.Events == 0 {
		return nil
	}
	fmt.Fprintf(w, "%s judged by the rules in force (before) and by the new ones (after).\n", countEvents(b.Events))
	if b.Held > 0 {
		fmt.Fprintf(w, "%d more are held and were left out.\n", b.Held)
	}
	fmt.Fprintln(w)
	err := table(w, func(w io.Writer) {
		fmt.Fprintln(w, "RULE\tBEFORE\tAFTER\tONLY BEFORE\tONLY AFTER\tREMARK")
		for _, r := range b.Rules {
			remark := r.Is
			if r.Dead {
				remark = strings.Join(compact([]string{remark, "dead: no event matches"}), ", ")
			}
			changeRow(w, r.Rule, r.Change, remark)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	err = table(w, func(w io.Writer) {
		fmt.Fprintln(w, "TARGET\tBEFORE\tAFTER\tONLY BEFORE\tONLY AFTER\tREMARK")
		for _, t := range b.Targets {
			remark := ""
			if t.Missing {
				remark = "not in the config in use"
			}
			changeRow(w, t.Target, t.Change, remark)
		}
	})
	if err != nil {
		return err
	}
	if err := printExamples(w, b); err != nil {
		return err
	}
	for _, e := range b.Errors {
		fmt.Fprintf(w, "\nRule %s errs for %s: %s\n  first for %s\n", safe(e.Rule), countEvents(e.Events), text(e.Reason), exampleLine(e.First))
	}
	if len(b.NotStored) > 0 {
		fmt.Fprintf(w, "\nOnly counted so far, so that there is nothing to judge: %s\n", text(strings.Join(b.NotStored, ", ")))
	}
	return nil
}

func changeRow(w io.Writer, name string, c client.Change, remark string) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\n", text(name), c.Before, c.After, c.OnlyBefore, c.OnlyAfter, safe(orDash(remark)))
}

// printExamples prints some events for each rule that takes others than before.
func printExamples(w io.Writer, b client.Backtest) error {
	return table(w, func(w io.Writer) {
		said := false
		row := func(rule, when string, list []client.Example) {
			for _, x := range list {
				if !said {
					fmt.Fprintln(w, "\nEXAMPLES OF RULE\tMATCHED\tTYPE\tSUBJECT\tEVENT")
					said = true
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", text(rule), when, safe(x.Type), clip(safe(orDash(x.About)), cellMax), safe(x.Event))
			}
		}
		for _, r := range b.Rules {
			row(r.Rule, "only before", r.Examples.OnlyBefore)
			row(r.Rule, "only after", r.Examples.OnlyAfter)
		}
	})
}

func exampleLine(x client.Example) string {
	return strings.Join(compact([]string{safe(x.Event), safe(x.Type), clip(safe(x.About), cellMax)}), " ")
}

func countEvents(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
