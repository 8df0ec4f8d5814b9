package main

import (
	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

func newPlugins(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plugins",
		GroupID: groupAsk,
		Short:   "See the senders that run, and pin those that do not come with bellbuoy",
		Example: `  bellbuoy plugins hash /usr/lib/bellbuoy/bellbuoy-sender-matrix
  bellbuoy plugins verify`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(newPluginsHash(env), newPluginsVerify(env))
	return cmd
}

func newPluginsHash(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "hash FILE",
		Short: "Print the line that pins the file of a sender",
		Long: `Read the file of a sender, bellbuoy-sender-TYPE, and print what pins it: a line for
plugins.pins in the config, with the type and the SHA-256 of what the file holds. No
server is asked, and nothing is run.

Print it where the file comes from, or compare it with what its author says: a pin
keeps the file what it is, and says nothing of whether it was good.`,
		Example: `  bellbuoy plugins hash /usr/lib/bellbuoy/bellbuoy-sender-matrix`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUse(cmd, "want one FILE, not %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return app.PrintPin(env.stdout, args[0])
		},
	}
}

func newPluginsVerify(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Compare the files of the pinned senders with their pins",
		Long: `Read a config, ./bellbuoy.yml unless named, and look at the file of each pinned sender
as each of its starts does: whether only root and this user can change it, that no
link is on its path, and that it holds what is pinned. Nothing is run, and no server is
asked. The exit status is 2 where one would not be run.

Run it as the user that bellbuoy runs as.`,
		Example: `  bellbuoy plugins verify
  bellbuoy plugins verify /etc/bellbuoy/bellbuoy.yml`,
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
		if files.Config == "" && files.Registry == "" {
			files.Config = app.DefaultFile
		}
		return app.VerifyPlugins(files.Files, env.stdout)
	}
	return cmd
}
