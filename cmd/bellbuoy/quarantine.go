package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newQuarantine(env environment) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "quarantine [ID]",
		GroupID: groupAsk,
		Short:   "List what came in and could not be read, or show one of it",
		Long: `List the bodies that a registry sent and that could not be read, with the reason;
with an ID show that one and its body. The exit status is 3 where there is none.`,
		Example: `  bellbuoy quarantine
  bellbuoy quarantine ID -o json`,
		Args: maybeID,
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "list at most `N`, up to 1000")
	server := addServer(cmd, env)
	format := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			q, err := c.Quarantined(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if *format == outputJSON {
				return printJSON(env.stdout, q.JSON)
			}
			return printQuarantined(env.stdout, q)
		}
		list, err := c.Quarantine(cmd.Context(), limit)
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSONList(env.stdout, list, func(q client.Quarantined) json.RawMessage { return q.JSON })
		} else {
			err = printQuarantine(env.stdout, list)
		}
		if err == nil && len(list) == 0 {
			return &nothingFound{"nothing is in quarantine"}
		}
		return err
	}
	return cmd
}

// printQuarantine prints a table, and nothing where there is nothing.
func printQuarantine(w io.Writer, list []client.Quarantined) error {
	if len(list) == 0 {
		return nil
	}
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "FIRST RECEIVED\tREGISTRY\tSIZE\tCOUNT\tID\tREASON")
		for _, q := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n",
				second(q.Received), safe(q.Registry), size(q.Size), q.Count, safe(q.ID), clip(safe(q.Reason), 2*cellMax))
		}
	})
}

// printQuarantined prints one body and what is known of it. The body is shown with
// its line breaks, but nothing in it reaches the terminal as a command.
func printQuarantined(w io.Writer, q client.Quarantined) error {
	body, err := q.Bytes()
	if err != nil {
		return fmt.Errorf("decode body of %s: %w", q.ID, err)
	}
	err = table(w, func(w io.Writer) {
		fmt.Fprintf(w, "id\t%s\n", safe(q.ID))
		fmt.Fprintf(w, "registry\t%s\n", safe(q.Registry))
		fmt.Fprintf(w, "reason\t%s\n", safe(q.Reason))
		fmt.Fprintf(w, "received\t%s from %s, %s in all\n", milli(q.Received), safe(orDash(q.Remote)), times(q.Count))
		fmt.Fprintf(w, "size\t%s\n", size(q.Size))
		fmt.Fprintf(w, "sha256\t%s\n", safe(q.SHA256))
		if q.Truncated {
			fmt.Fprintf(w, "kept\tthe first %s\n", size(int64(len(body))))
		}
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", safeLines(string(body)))
	return err
}
