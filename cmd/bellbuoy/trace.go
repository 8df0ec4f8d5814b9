package main

import (
	"github.com/spf13/cobra"
)

func newTrace(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "trace ID",
		GroupID: groupAsk,
		Short:   "Tell all that is known of one event",
		Long: `Tell one event's story: from whom it was received, what it is, what each rule
made of it and why, and each delivery with its attempts. With -o json also the
body as it was received and the requests as they were sent, secrets masked.
The ID is the event's own, or the one that the registry gave it. The exit status
is 3 where there is no such event.`,
		Example: `  bellbuoy trace 5f0c1b52-2f0e-5c43-9d55-0a86c5a8e1b7
  bellbuoy trace 5f0c1b52-2f0e-5c43-9d55-0a86c5a8e1b7 -o json`,
		Args: oneID,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		t, err := c.Trace(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSON(env.stdout, t.JSON)
		}
		_, err = env.stdout.Write(story(t, env.now()))
		return err
	}
	return cmd
}
