package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newInbox(env environment) *cobra.Command {
	var f client.InboxFilter
	cmd := &cobra.Command{
		Use:     "inbox [ID]",
		GroupID: groupAsk,
		Short:   "List what targets of type inbox tell, newest first, or show one of it",
		Long: `List what is told by targets of type inbox, newest first; with an ID show that one, with
all that is known of it. Without --user you are the operator and see every inbox; with it
you see what that user sees: their own, and those of the teams and organizations in which
the config has them. Everyone has marks of their own: what alice has read in the inbox of
a team, bob has not. The exit status is 3 where there is nothing.`,
		Example: `  bellbuoy inbox --unread
  bellbuoy inbox --user alice --level bad
  bellbuoy inbox ID
  bellbuoy inbox read --all`,
		Args: maybeID,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.User, "user", "", userUsage)
	flags.BoolVar(&f.Unread, "unread", false, "only what is not read yet")
	flags.StringVar(&f.Level, "level", "", "only of this `LEVEL`: info, good, warning or bad")
	flags.IntVar(&f.Limit, "limit", 50, "at most `N`")
	complete(cmd, "level", "info", "good", "warning", "bad")
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.AddCommand(newInboxRead(env), newInboxUnread(env))

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.Limit < 1 {
			return wrongUse(cmd, "--limit %d: want 1 or more", f.Limit)
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			n, err := c.Notice(cmd.Context(), f.User, args[0])
			if err != nil {
				return err
			}
			if *format == outputJSON {
				return printJSON(env.stdout, n.JSON)
			}
			return printNotice(env.stdout, n)
		}
		list, more, err := c.Inbox(cmd.Context(), f)
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSONList(env.stdout, list, func(n client.Notice) json.RawMessage { return n.JSON })
		} else {
			err = printInbox(env.stdout, list)
		}
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return &nothingFound{"nothing is in the inbox that is asked for"}
		case more && *format == outputTable:
			fmt.Fprintf(env.stderr, "These are the newest %d; there may be older ones: --limit N shows more.\n", len(list))
		}
		return nil
	}
	return cmd
}

const userUsage = "as this user, by `NAME` (default the operator, who sees every inbox)"

func newInboxRead(env environment) *cobra.Command {
	var user string
	var all bool
	cmd := &cobra.Command{
		Use:   "read [ID]",
		Short: "Mark as read: one, or all",
		Long: `Mark the notice of this ID as read; with --all all of them, or where an ID is given,
that one and what is older. The exit status is 3 where there is none to mark.`,
		Example: `  bellbuoy inbox read ID
  bellbuoy inbox read --all --user alice`,
		Args: maybeID,
	}
	cmd.Flags().StringVar(&user, "user", "", userUsage)
	cmd.Flags().BoolVar(&all, "all", false, "all, or those that are not newer than ID")
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && !all {
			return wrongUse(cmd, "say which: an ID as the list shows it, or --all")
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		if !all {
			return mark(cmd, env, c, user, args[0], true, *format)
		}
		upTo := ""
		if len(args) == 1 {
			upTo = args[0]
		}
		n, err := c.MarkAll(cmd.Context(), user, upTo)
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSON(env.stdout, map[string]int{"marked": n})
		} else if n > 0 {
			_, err = fmt.Fprintf(env.stdout, "%s marked as read.\n", amount(n, "notice is", "notices are"))
		}
		if err == nil && n == 0 {
			return &nothingFound{"nothing was unread"}
		}
		return err
	}
	return cmd
}

func newInboxUnread(env environment) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:     "unread ID",
		Short:   "Mark one as unread again",
		Long:    `Mark the notice of this ID as unread again.`,
		Example: `  bellbuoy inbox unread ID`,
		Args:    oneID,
	}
	cmd.Flags().StringVar(&user, "user", "", userUsage)
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		return mark(cmd, env, c, user, args[0], false, *format)
	}
	return cmd
}

// mark marks one and tells of it.
func mark(cmd *cobra.Command, env environment, c *client.Client, user, id string, read bool, format output) error {
	n, err := c.Mark(cmd.Context(), user, id, read)
	if err != nil {
		return err
	}
	if format == outputJSON {
		return printJSON(env.stdout, n.JSON)
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s\n", readState(n), safe(n.Title))
	return err
}

func readState(n client.Notice) string {
	if n.Read == nil {
		return "unread"
	}
	return "read"
}

// printInbox prints a table, and nothing where there is nothing.
func printInbox(w io.Writer, list []client.Notice) error {
	if len(list) == 0 {
		return nil
	}
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "TIME\tSTATE\tLEVEL\tFOR\tTITLE\tID")
		for _, n := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", second(n.Time), readState(n), safe(n.Level),
				clip(safe(n.Kind+" "+n.Name), cellMax), clip(safe(n.Title), 2*cellMax), safe(n.ID))
		}
	})
}

// printNotice prints one and all that is known of it. The text keeps its lines.
func printNotice(w io.Writer, n client.Notice) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", safe(n.Title)); err != nil {
		return err
	}
	err := table(w, func(w io.Writer) {
		for _, f := range n.Facts {
			fmt.Fprintf(w, "%s\t%s\n", safe(f.Name), safe(f.Value))
		}
		if n.Link != "" {
			fmt.Fprintf(w, "Link\t%s\n", safe(n.Link))
		}
		fmt.Fprintf(w, "Level\t%s\n", safe(n.Level))
		fmt.Fprintf(w, "For\t%s by target %s\n", safe(n.Kind+" "+n.Name), safe(n.Target))
		fmt.Fprintf(w, "Told\t%s\n", second(n.Time))
		if n.Read != nil {
			fmt.Fprintf(w, "Read\t%s\n", second(*n.Read))
		}
		fmt.Fprintf(w, "Event\t%s %s\n", safe(n.Type), safe(n.Event))
		fmt.Fprintf(w, "ID\t%s\n", safe(n.ID))
	})
	if err != nil || n.Text == "" {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", safeLines(n.Text))
	return err
}
