package main

import (
	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

func newCheck(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check [FILE]",
		GroupID: groupSidecar,
		Short:   "Find all that is wrong with a config",
		Long: `Read a config, ./bellbuoy.yml unless named, and print each fault as
FILE:LINE: path: what is wrong, and what to do. Nothing is started, and no target
is asked. The exit status is 2 where there is a fault.

With --registry-config it reads a Distribution registry's own config.yml as well,
and says which mistakes in it the registry passes over in silence.`,
		Example: `  bellbuoy check
  bellbuoy check /etc/bellbuoy/bellbuoy.yml
  bellbuoy check --registry-config /etc/distribution/config.yml`,
		Args: maybeFile,
	}
	files := addRegistryConfig(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := files.complete(cmd); err != nil {
			return err
		}
		if len(args) == 1 {
			files.Config = args[0]
		}
		return app.Check(cmd.Context(), files.Files, env.stdout)
	}
	return cmd
}
