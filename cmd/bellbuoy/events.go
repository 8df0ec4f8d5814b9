package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// cellMax is how many characters of a name a cell of a table shows.
const cellMax = 60

func newEvents(env environment) *cobra.Command {
	var f client.Filter
	cmd := &cobra.Command{
		Use:     "events",
		GroupID: groupAsk,
		Short:   "List events, newest first, and what became of them",
		Long: `List events, newest first, with how many of their deliveries are in which state.
With --rule or --target it lists their deliveries instead, a line each, by when
they were first attempted. What an ID stands for, "bellbuoy trace ID" tells.
Filters are exact and all of them must hold. Times are RFC 3339, or how long ago:
90m, 24h, 3d. The exit status is 3 where no event is found.`,
		Example: `  bellbuoy events --since 24h
  bellbuoy events --outcome dead --target ci
  bellbuoy events --repository prod/api --tag 1.4.2 -o json`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.ID, "id", "", "only the event with this `ID`")
	flags.StringVar(&f.Type, "type", "", "only of this `TYPE`: artifact.pushed, tag.deleted, ...")
	flags.StringVar(&f.Registry, "registry", "", "only from this registry, by its `NAME` in the config")
	flags.StringVar(&f.Repository, "repository", "", "only of this repository: its full `NAME`")
	flags.StringVar(&f.Tag, "tag", "", "only with this `TAG`")
	flags.StringVar(&f.Digest, "digest", "", "only with this `DIGEST`")
	flags.StringVar(&f.NativeID, "native-id", "", "only with this `ID` of the registry's own")
	flags.StringVar(&f.Rule, "rule", "", "only those that the rule of this `NAME` matched")
	flags.StringVar(&f.Target, "target", "", "only those for the target of this `NAME`")
	flags.StringVar(&f.Outcome, "outcome", "", "only with a delivery in this `STATE`: waiting, delivered, dead, ...")
	flags.StringVar(&f.Since, "since", "", "only from this `TIME` on, or from so long ago")
	flags.StringVar(&f.Until, "until", "", "only up to this `TIME`, or up to so long ago")
	flags.IntVar(&f.Limit, "limit", 50, "at most `N` events")
	complete(cmd, "type", typeNames()...)
	complete(cmd, "outcome", states()...)
	server := addServer(cmd, env)
	format := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.Limit < 1 {
			return wrongUse(cmd, "--limit %d: want 1 or more", f.Limit)
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		events, more, err := c.Events(cmd.Context(), f)
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSONList(env.stdout, events, func(e client.Event) json.RawMessage { return e.JSON })
		} else {
			err = printEvents(env.stdout, events, f)
		}
		switch {
		case err != nil:
			return err
		case len(events) == 0:
			return &nothingFound{"no event found"}
		case more && *format == outputTable:
			fmt.Fprintf(env.stderr, "These are the newest %d; there may be older ones: --limit N shows more.\n", len(events))
		}
		return nil
	}
	return cmd
}

func typeNames() []string {
	var names []string
	for _, t := range event.Types() {
		names = append(names, string(t))
	}
	return names
}

// printEvents prints a table, and nothing where there are no events.
func printEvents(w io.Writer, events []client.Event, f client.Filter) error {
	if len(events) == 0 {
		return nil
	}
	if f.Rule != "" || f.Target != "" {
		return table(w, func(w io.Writer) { tableDeliveries(w, events) })
	}
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "RECEIVED\tREGISTRY\tTYPE\tSUBJECT\tBY\tDELIVERIES\tID")
		for _, e := range events {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
				second(e.Received), safe(e.Registry.Name), typeStatus(e.Event),
				clip(safe(subject(e.Event)), cellMax), clip(safe(actorName(e.Event)), cellMax),
				counts(e.Deliveries), safe(e.ID))
		}
	})
}

// tableDeliveries prints what became of events that are listed for a rule or a target:
// what was done to what, how it stands, and since when.
func tableDeliveries(w io.Writer, events []client.Event) {
	fmt.Fprintln(w, "ID\tTYPE\tSUBJECT\tTARGET\tSTATE\tFIRST ATTEMPT\tRECEIVED")
	for _, e := range events {
		line := func(id, target, state, began string) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", safe(id), typeStatus(e.Event),
				clip(safe(subject(e.Event)), cellMax), safe(target), safe(state), began, second(e.Received))
		}
		for _, d := range e.Chosen {
			began := "-"
			if d.Began != nil {
				began = second(*d.Began)
			}
			line(d.ID, d.Target, d.State, began)
		}
		if len(e.Chosen) == 0 { // of this rule no delivery was left to be made
			line(e.ID, "-", "none", "-")
		}
	}
}

// typeStatus is an event's type, with the status where it has one.
func typeStatus(e event.Event) string {
	if e.Status == "" {
		return safe(string(e.Type))
	}
	return safe(string(e.Type) + "=" + string(e.Status))
}

// subject names what an event is about as people write it: repository:tag, or
// repository@digest where there is no tag.
func subject(e event.Event) string {
	if e.Repository == nil {
		switch {
		case e.Target != nil:
			return e.Target.Name
		case e.Digested != nil:
			return countEvents(e.Digested.Count)
		}
		return "-"
	}
	name := cmp.Or(e.Repository.FullName, e.Repository.Namespace)
	switch a := e.Artifact; {
	case a == nil:
		return name
	case len(a.Tags) > 0:
		return name + ":" + strings.Join(a.Tags, ",")
	case a.Digest != "":
		return name + "@" + shortDigest(a.Digest)
	}
	return name
}

// shortDigest is enough of a digest to tell it from its neighbours.
func shortDigest(digest string) string {
	const enough = len("sha256:") + 12
	if len(digest) <= enough {
		return digest
	}
	return digest[:enough]
}

func actorName(e event.Event) string {
	if e.Actor == nil {
		return "-"
	}
	return orDash(e.Actor.Name)
}

// counts says how many deliveries are in which state.
func counts(byState map[string]int) string {
	var list []string
	for state, n := range byState {
		list = append(list, fmt.Sprintf("%d %s", n, safe(state)))
	}
	if len(list) == 0 {
		return "none"
	}
	slices.SortFunc(list, func(a, b string) int {
		_, a, _ = strings.Cut(a, " ")
		_, b, _ = strings.Cut(b, " ")
		return strings.Compare(a, b)
	})
	return strings.Join(list, ", ")
}
