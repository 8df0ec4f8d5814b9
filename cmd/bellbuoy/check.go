package main

import (
	"io"

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
and says which mistakes in it the registry passes over in silence.

With --schema it reads nothing and prints the JSON Schema of a config. An editor that
has it completes, explains and checks while you type: name it in the first line of the
config, # yaml-language-server: $schema=FILE`,
		Example: `  bellbuoy check
  bellbuoy check /etc/bellbuoy/bellbuoy.yml
  bellbuoy check --registry-config /etc/distribution/config.yml
  bellbuoy check --schema > bellbuoy.schema.json`,
		Args: maybeFile,
	}
	files := addRegistryConfig(cmd)
	schema := cmd.Flags().Bool("schema", false, "print the JSON Schema of a config, for editors, and check nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *schema {
			if len(args) > 0 || cmd.Flags().NFlag() > 1 {
				return wrongUse(cmd, "--schema checks nothing: leave out what is to be checked, or --schema")
			}
			_, err := io.WriteString(env.stdout, app.ConfigSchema())
			return err
		}
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
