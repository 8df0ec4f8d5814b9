package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func newTranslate(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "translate --registry-type TYPE [FILE]",
		GroupID: groupOther,
		Short:   "Say which events a notification becomes",
		Long: `Read the body of one notification from FILE, or from standard input, and print the
events that a running bellbuoy would make of it, one JSON object a line; also pulls
and blobs, which it only counts unless it is asked to keep them. It needs no config
and no server.

Where the body would go to quarantine, the reason is told and the exit status is 3.

Ids are derived from the registry's name where the notification has an id of its
own; where it has none, each run makes new ones.`,
		Example: `  bellbuoy translate --registry-type distribution push.json
  bellbuoy translate --registry-type quay --event build_start < body.json`,
		Args: maybeFile,
	}
	request := addRequest(cmd)

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := request.read(cmd)
		if err != nil {
			return err
		}
		r.Received = env.now()
		r.Open = func() (io.ReadCloser, error) {
			if len(args) == 1 {
				return os.Open(args[0])
			}
			return io.NopCloser(env.stdin), nil
		}
		events, err := app.Translate(cmd.Context(), r)
		if wrong, ok := errors.AsType[*app.WrongUse](err); ok {
			return wrongUse(cmd, "%w", wrong)
		}
		if err != nil {
			return &nothingFound{err.Error()}
		}
		return printLines(env.stdout, events)
	}
	return cmd
}

// printLines prints events as they are stored, a line each.
func printLines(w io.Writer, events []event.Event) error {
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("print an event: %w", err)
		}
		if _, err := w.Write(append(safeJSON(b), '\n')); err != nil {
			return err
		}
	}
	return nil
}
