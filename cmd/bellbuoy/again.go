package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// defaultLimit is how many a command has made again where it is not told.
const defaultLimit = 1000

func newRedeliver(env environment) *cobra.Command {
	var a client.Again
	cmd := &cobra.Command{
		Use:     "redeliver [ID]",
		GroupID: groupAsk,
		Short:   "Have deliveries made again: one, or those that filters choose",
		Long: `Have deliveries made again that have ended: the one of this ID, those of the event
of this ID that were not delivered, or those that filters choose. Filters are exact and
all of them must hold; without --state they choose the dead ones. Times are those of the
events: RFC 3339, or how long ago: 90m, 24h, 3d.

They are made again in their order, the oldest first, --limit of them at the most.
A delivery made again keeps its id, which its receiver has as webhook-id, and waits for its
turn like all others; the time until it is given up begins anew. With --to another target
gets a delivery of its own of each event, unless it has one already.

It is done step by step. One that was cut off goes on with --continue RUN, and nothing is
done twice. The exit status is 3 where there is nothing to make again.`,
		Example: `  bellbuoy redeliver 01900a6e-7a2b-7c3d-8e4f-5a6b7c8d9e0f
  bellbuoy redeliver --target ci --since 24h --dry-run
  bellbuoy redeliver --target old-ci --state dead,expired --to ci
  bellbuoy redeliver --target ci --state shadowed --since 1h  # after it went live`,
		Args: maybeID,
	}
	flags := cmd.Flags()
	addChoice(cmd, &a)
	flags.StringVar(&a.Rule, "rule", "", "only those that the rule of this `NAME` asked for")
	flags.StringVar(&a.Target, "target", "", "only those to the target of this `NAME`")
	flags.StringVar(&a.State, "state", "", "only those in this `STATE`, or these with commas: dead (default), expired, cancelled, skipped, shadowed, delivered")
	flags.StringVar(&a.To, "to", "", "to the target of this `NAME` instead")
	complete(cmd, "state", "dead", "expired", "cancelled", "skipped", "shadowed", "delivered")
	return runAgain(cmd, env, &a, again{
		noun: "delivery", nouns: "deliveries", verb: (*client.Client).Redeliver,
		found: func(r client.Run) int { return r.Done },
		more:  "the same command takes the next ones, and --limit N more of them at once.",
		say: func(r client.Run) string {
			if r.DryRun {
				return fmt.Sprintf("%s would be made again.", amount(r.Done, "delivery", "deliveries"))
			}
			return fmt.Sprintf("%s made again.", amount(r.Done, "delivery is", "deliveries are"))
		},
	})
}

func newReplay(env environment) *cobra.Command {
	var a client.Again
	cmd := &cobra.Command{
		Use:     "replay",
		GroupID: groupAsk,
		Short:   "Have stored events judged by today's rules, and delivered as they say",
		Long: `Have the stored events that filters choose judged by the rules in force, and delivered
as these say. Each is a new event, with its own id and the origin "replayed", whose trace
names the first; when it happened stays. An event that the rules send nowhere is not
replayed, nor is a replay, nor an event of bellbuoy's own. Filters are exact and all of them
must hold; times are RFC 3339, or how long ago: 90m, 24h, 3d.

It is done step by step. One that was cut off goes on with --continue RUN, and nothing is
done twice. The exit status is 3 where there is nothing to replay.`,
		Example: `  bellbuoy replay --since 24h --dry-run
  bellbuoy replay --since 24h --repository prod/api
  bellbuoy replay --since 3d --to new-ci   # only what the rules have for this target`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	addChoice(cmd, &a)
	flags.StringVar(&a.Rule, "rule", "", "only those that the rule of this `NAME` matched")
	flags.StringVar(&a.Target, "target", "", "only those that had a delivery to the target of this `NAME`")
	flags.StringVar(&a.Outcome, "outcome", "", "only with a delivery in this `STATE`: waiting, delivered, dead, ...")
	flags.StringVar(&a.To, "to", "", "only to the target of this `NAME`, where the rules name it")
	return runAgain(cmd, env, &a, again{
		noun: "event", nouns: "events", verb: (*client.Client).Replay,
		found: func(r client.Run) int { return r.Done + r.Unmatched },
		more:  "choose fewer, or raise --limit.",
		say: func(r client.Run) string {
			is := []string{"event is", "events are"}
			if r.DryRun {
				is = []string{"event would be", "events would be"}
			}
			return fmt.Sprintf("%s replayed, with %s.", amount(r.Done, is[0], is[1]), amount(r.Deliveries, "delivery", "deliveries"))
		},
	})
}

// addChoice adds the flags that choose events.
func addChoice(cmd *cobra.Command, a *client.Again) {
	flags := cmd.Flags()
	flags.StringVar(&a.Type, "type", "", "only of events of this `TYPE`: artifact.pushed, tag.deleted, ...")
	flags.StringVar(&a.Registry, "registry", "", "only from this registry, by its `NAME` in the config")
	flags.StringVar(&a.Repository, "repository", "", "only of this repository: its full `NAME`")
	flags.StringVar(&a.Tag, "tag", "", "only with this `TAG`")
	flags.StringVar(&a.Digest, "digest", "", "only with this `DIGEST`")
	flags.StringVar(&a.NativeID, "native-id", "", "only with this `ID` of the registry's own")
	flags.StringVar(&a.Since, "since", "", "only of events from this `TIME` on, or from so long ago")
	flags.StringVar(&a.Until, "until", "", "only of events up to this `TIME`, or up to so long ago")
	flags.IntVar(&a.Limit, "limit", defaultLimit, "at most `N`")
	flags.BoolVar(&a.DryRun, "dry-run", false, "say how many, and do nothing")
	flags.StringVar(&a.Run, "continue", "", "go on with this `RUN`, which was cut off, and with what it chose")
	complete(cmd, "type", typeNames()...)
}

// again is what the two commands have each of its own.
type again struct {
	noun, nouns string
	verb        func(*client.Client, context.Context, client.Again, func(client.Run)) (client.Run, error)
	found       func(client.Run) int
	more        string // what to do where there are more than the limit
	say         func(client.Run) string
}

func runAgain(cmd *cobra.Command, env environment, a *client.Again, of again) *cobra.Command {
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			a.ID = args[0]
		}
		switch {
		case a.Run == "" && !a.Chooses():
			return wrongUse(cmd, "say which: by filters such as --since 24h or --target NAME, or by an ID where one is taken")
		case a.Run != "" && (a.Chooses() || a.DryRun || a.To != ""):
			return wrongUse(cmd, "--continue goes on with what was chosen at first: give nothing else with it")
		case a.Run != "" && uuid.Validate(a.Run) != nil:
			return wrongUse(cmd, "--continue %q: this is no run; the command that was cut off has told it", a.Run)
		case a.Limit < 1:
			return wrongUse(cmd, "--limit %d: want 1 or more", a.Limit)
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		a.By = "`" + cmd.CommandPath() + "`" + who()
		bar := newBar(env.stderr, of.nouns)
		total := 0
		if bar.w != nil && !a.DryRun && a.Run == "" {
			dry := *a
			dry.DryRun = true
			if r, err := of.verb(c, cmd.Context(), dry, func(client.Run) {}); err == nil {
				total = min(r.Done, a.Limit)
			}
		}
		r, err := of.verb(c, cmd.Context(), *a, func(r client.Run) { bar.show(r.Done, total) })
		bar.clear()
		if err != nil {
			return cutOff(cmd, r, err)
		}
		if *format == outputJSON {
			err = printJSON(env.stdout, r)
		} else {
			err = of.tell(env, r)
		}
		if err == nil && of.found(r)+r.Changed+r.Gone+r.Present+r.About == 0 {
			return &nothingFound{"nothing was found: no " + of.noun + " is as the filters say"}
		}
		return err
	}
	return cmd
}

// cutOff adds to an error how to go on, where something was done already.
func cutOff(cmd *cobra.Command, r client.Run, err error) error {
	if r.Done+r.Changed+r.Unmatched+r.Gone+r.Present+r.About == 0 {
		return err
	}
	return fmt.Errorf("%w\nSo far %d are done; `%s --continue %s` goes on", err, r.Done, cmd.CommandPath(), r.ID)
}

// tell tells people what was done, and what was not.
func (of again) tell(env environment, r client.Run) error {
	if of.found(r)+r.Changed+r.Gone+r.Present+r.About == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintln(&b, of.say(r))
	for _, left := range []struct {
		n   int
		why string
	}{
		{r.Unmatched, "sent nowhere by the rules in force"},
		{r.Gone, "for targets that the config does not name: another can have them, with --to"},
		{r.Present, "of events that this target has already, or is to have"},
		{r.About, "of events that tell of this target itself"},
		{r.Changed, "not as they were chosen any more when their turn came"},
	} {
		if left.n > 0 {
			fmt.Fprintf(&b, "Left out: %s, %s.\n", amount(left.n, of.noun, of.nouns), left.why)
		}
	}
	if r.More {
		fmt.Fprintf(&b, "There are more %s: %s\n", of.nouns, of.more)
	}
	_, err := fmt.Fprint(env.stdout, b.String())
	return err
}

func amount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
