package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
	"github.com/bellbuoy/bellbuoy/plugin/serve"
)

func newSender() *cobra.Command {
	builtin := senders.Builtin()
	types := slices.Sorted(maps.Keys(builtin))
	return &cobra.Command{
		Use:     "sender TYPE",
		GroupID: groupInternal,
		Short:   "Send to targets of one type; bellbuoy starts this itself",
		Long: `Send to targets of one type: ` + strings.Join(types, ", ") + `.

bellbuoy starts this itself, one process for each type that it has targets of, and
talks to it over a private connection. Started by hand it does nothing.`,
		ValidArgs: types,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUse(cmd, "want one TYPE, not %d; there are %s", len(args), strings.Join(types, ", "))
			}
			if _, ok := builtin[args[0]]; !ok {
				return wrongUse(cmd, "no target type %q is built in; there are %s", args[0], strings.Join(types, ", "))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			typ := args[0]
			serve.Main(map[string]plugin.Sender{typ: builtin[typ](readBuild().Version)})
			return nil
		},
	}
}
