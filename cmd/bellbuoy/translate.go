package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func newTranslate(env environment) *cobra.Command {
	var r app.Request
	var contentType string
	var headers []string
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
	flags := cmd.Flags()
	flags.StringVar(&r.RegistryType, "registry-type", "", "`TYPE` of the registry that sent it, as in the config")
	complete(cmd, "registry-type", app.RegistryTypes()...)
	flags.StringVar(&r.Registry, "registry", "", "`NAME` of that registry in the config (default the type)")
	flags.StringVar(&r.Event, "event", "", "`NAME` of the event where the URL has it, as in /in/quay/build_start")
	flags.StringVar(&contentType, "content-type", "application/json", "content `TYPE` of the request")
	flags.StringArrayVar(&headers, "header", nil, "a header of the request, `'NAME: VALUE'`; may be repeated")

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if r.RegistryType == "" {
			return wrongUse(cmd, "--registry-type is missing: name the type of the registry that sent it")
		}
		if strings.ContainsAny(r.Registry+r.Event, "/?#% ") {
			return wrongUse(cmd, "--registry and --event are parts of a URL's path: leave out slashes, blanks and the like")
		}
		var err error
		if r.Header, err = parseHeaders(headers); err != nil {
			return wrongUse(cmd, "%w", err)
		}
		if r.Header.Get("Content-Type") == "" || flags.Changed("content-type") {
			r.Header.Set("Content-Type", contentType)
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

// parseHeaders reads headers written as NAME: VALUE.
func parseHeaders(list []string) (http.Header, error) {
	h := http.Header{}
	for _, line := range list {
		name, value, ok := strings.Cut(line, ":")
		if !ok || textproto.TrimString(name) != name || strings.ContainsAny(name, " \t") || name == "" {
			return nil, fmt.Errorf("--header %q is no header: write 'NAME: VALUE'", line)
		}
		h.Add(name, textproto.TrimString(value))
	}
	return h, nil
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
