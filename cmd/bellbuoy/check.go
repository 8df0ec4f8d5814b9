package main

import (
	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

func newCheck(env environment) *cobra.Command {
	return &cobra.Command{
		Use:     "check [FILE]",
		GroupID: groupSidecar,
		Short:   "Find all that is wrong with a config",
		Long: `Read a config, ./bellbuoy.yml unless named, and print each fault as
FILE:LINE: path: what is wrong, and what to do. Nothing is started, and no target
is asked. The exit status is 2 where there is a fault.`,
		Example: `  bellbuoy check
  bellbuoy check /etc/bellbuoy/bellbuoy.yml`,
		Args: maybeFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := ""
			if len(args) == 1 {
				file = args[0]
			}
			return app.Check(cmd.Context(), file, env.stdout)
		},
	}
}
