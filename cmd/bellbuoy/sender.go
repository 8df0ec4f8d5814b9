package main

import (
	"maps"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
	"github.com/bellbuoy/bellbuoy/plugin/serve"
)

func newSender(env environment) *cobra.Command {
	builtin := senders.Builtin()
	maps.DeleteFunc(builtin, func(typ string, _ senders.Constructor) bool { return senders.InProcess(typ) })
	types := slices.Sorted(maps.Keys(builtin))
	cmd := &cobra.Command{
		Use:     "sender TYPE [describe|check|render|send]",
		GroupID: groupInternal,
		Short:   "Send to targets of one type; bellbuoy starts this itself",
		Long: `Send to targets of one type: ` + strings.Join(types, ", ") + `.

bellbuoy starts this itself, one process for each type that it has targets of, and
talks to it over a private connection. Started by hand it does one thing and prints
JSON: it describes itself, checks options, renders the request that a send would make,
or sends one event for real. Without a verb it says with which flags.`,
		Example: `  bellbuoy sender webhook describe
  bellbuoy sender webhook check --options options.json
  bellbuoy sender webhook render --options options.json --event event.json
  bellbuoy translate --registry-type harbor body.json | bellbuoy sender webhook send --options options.json --event -`,
		ValidArgs: types,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUse(cmd, "want one TYPE, not 0; there are %s", strings.Join(types, ", "))
			}
			if senders.InProcess(args[0]) {
				return wrongUse(cmd, "targets of type %s have no process: \"bellbuoy run\" keeps what is sent to them itself", args[0])
			}
			if _, ok := builtin[args[0]]; !ok {
				return wrongUse(cmd, "no target type %q is built in; there are %s", args[0], strings.Join(types, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			typ := args[0]
			table := map[string]plugin.Sender{typ: builtin[typ](readBuild().Version)}
			if serve.Hosted() {
				serve.Main(table)
				return nil
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			name := cmd.CommandPath() + " " + typ
			if status := serve.ByHand(ctx, table, name, args[1:], env.stdin, env.stdout, env.stderr); status != exitDone {
				return exitStatus(status)
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows the type is the sender's
	return cmd
}
