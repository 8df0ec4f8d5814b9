package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newExplain(env environment) *cobra.Command {
	var rule, payload string
	cmd := &cobra.Command{
		Use:     "explain {ID | --payload FILE --registry-type TYPE}",
		GroupID: groupAsk,
		Short:   "Say why rules fired for an event, and why others did not",
		Long: `Say what each rule makes of an event: that it matched, or which of its conditions
was not met and how; then what was delivered.

With an ID that is an event of the running bellbuoy, judged by the rules that were in
force when it came. With --payload it is the body of a notification in FILE (- is
standard input), judged by the config; no server is needed, and nothing is sent. The
registry is the one named, else the config's first of that type.

The exit status is 3 where there is no such event or rule, or where the body would go
to quarantine.`,
		Example: `  bellbuoy explain 5f0c1b52-2f0e-5c43-9d55-0a86c5a8e1b7
  bellbuoy explain 5f0c1b52-2f0e-5c43-9d55-0a86c5a8e1b7 --rule releases
  bellbuoy explain --payload push.json --registry-type tcr --config bellbuoy.yml`,
		Args: maybeID,
	}
	flags := cmd.Flags()
	flags.StringVar(&rule, "rule", "", "only the rule of this `NAME`, and why it was not asked")
	flags.StringVar(&payload, "payload", "", "explain the notification whose body is in this `FILE`")
	request := addRequest(cmd)
	files := &fileFlags{}
	files.addConfig(cmd)
	server := addServer(cmd, env)
	format := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			for _, name := range []string{"payload", "registry-type", "registry", "event", "header", "content-type", "config"} {
				if flags.Changed(name) {
					return wrongUse(cmd, "--%s is not for an ID: that event came already, and is explained by the rules of then", name)
				}
			}
			c, err := server.client(cmd)
			if err != nil {
				return err
			}
			return explainStored(cmd, env, c, args[0], rule, *format)
		}
		if payload == "" {
			return wrongUse(cmd, "want the ID of an event, or --payload FILE with the body of a notification")
		}
		r, err := request.read(cmd)
		if err != nil {
			return err
		}
		r.Received = env.now()
		r.Open = func() (io.ReadCloser, error) {
			if payload == "-" {
				return io.NopCloser(env.stdin), nil
			}
			return os.Open(payload)
		}
		return explainPayload(cmd, env, files.Files, r, rule, *format)
	}
	return cmd
}

// explainPayload explains what a notification would become.
func explainPayload(cmd *cobra.Command, env environment, files app.Files, r app.Request, rule string, format output) error {
	x, err := app.Explain(cmd.Context(), files, r)
	if wrong, ok := errors.AsType[*app.WrongUse](err); ok {
		return wrongUse(cmd, "%w", wrong)
	}
	switch {
	case errors.Is(err, app.ErrConfig):
		return err
	case err != nil:
		return &nothingFound{err.Error()}
	case len(x.Events) == 0:
		return &nothingFound{"the notification holds no event"}
	case rule != "" && !slices.ContainsFunc(x.Rules, named(rule)):
		return &nothingFound{app.LeftOut(rule, x.Rules, x.Events[0].Event.Type)}
	}
	var all []explained
	for _, e := range x.Events {
		v := explained{Event: e.Event, Stored: new(e.Stored), would: true, lookup: x.Lookup}
		for _, verdict := range e.Verdicts {
			v.Verdicts = append(v.Verdicts, client.Verdict(verdict))
		}
		for _, d := range e.Deliveries {
			v.Deliveries = append(v.Deliveries, explainedDelivery{Target: d.Target, Rules: d.Rules})
		}
		v.leaveOut(x.Rules)
		all = append(all, v.narrowed(rule, x.Rules))
	}
	if format == outputJSON {
		return printJSONLines(env.stdout, all)
	}
	return printExplained(env.stdout, all, env.now())
}

// explainStored explains an event of the running bellbuoy.
func explainStored(cmd *cobra.Command, env environment, c *client.Client, id, rule string, format output) error {
	t, err := c.Trace(cmd.Context(), id)
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusNotFound {
		return notStored(cmd, c, id, p)
	}
	if err != nil {
		return err
	}
	v := explainedOf(t)
	var then []app.RuleHead
	if t.RuleSet != "" {
		list, err := c.RulesThen(cmd.Context(), t.RuleSet)
		if err != nil {
			v.VerdictsError = joinSentences(v.VerdictsError, err.Error())
		}
		for _, r := range list {
			then = append(then, app.RuleHead{Name: r.Name, Enabled: true, Events: r.Events})
		}
		v.leaveOut(then)
	}
	if rule != "" && t.RuleSet != "" && !slices.ContainsFunc(then, named(rule)) {
		if v.absent, err = whyAbsent(cmd, c, rule, then); err != nil {
			return err
		}
	}
	v = v.narrowed(rule, then)
	if format == outputJSON {
		return printJSON(env.stdout, v)
	}
	return printExplained(env.stdout, []explained{v}, env.now())
}

// notStored says where to look for what is no event.
func notStored(cmd *cobra.Command, c *client.Client, id string, p *client.Problem) error {
	q, err := c.Quarantined(cmd.Context(), id)
	if err == nil {
		return &nothingFound{"no rule was asked: this came in and could not be read, so it is in quarantine: " + q.Reason +
			"\nLook at it with `bellbuoy quarantine " + q.ID + "`."}
	}
	return &nothingFound{p.Detail + `
A notification that could not be read is no event: it is in quarantine, see ` + "`bellbuoy quarantine`" + `.
Pulls, inspections and blobs are only counted, unless a rule or the config's keep names them.`}
}

func named(rule string) func(app.RuleHead) bool {
	return func(r app.RuleHead) bool { return r.Name == rule }
}

// whyAbsent says why rule was not among those that judged an event: then.
func whyAbsent(cmd *cobra.Command, c *client.Client, rule string, then []app.RuleHead) (string, error) {
	now, err := c.Rules(cmd.Context())
	if err != nil {
		return "", err
	}
	known := then
	for _, r := range now.Rules {
		switch {
		case r.Name != rule:
			known = append(known, app.RuleHead{Name: r.Name})
		case r.Enabled:
			return "it was not in force when the event was routed: it is newer, had another name, or was disabled then", nil
		default:
			return "it is disabled (enabled: false)", nil
		}
	}
	return "", &nothingFound{app.LeftOut(rule, known, "")}
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
