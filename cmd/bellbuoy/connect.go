package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

func newConnect(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "connect",
		GroupID: groupSidecar,
		Short:   "Print what to give to a registry so that it posts to bellbuoy",
		Long: `Print what a registry of the config, or of a bellbuoy without one, must be given so
that it posts here, ready to paste: for Distribution a part of its config.yml, for
Harbor a webhook policy, for Quay its notifications; for these two also as a shell
script for their APIs. Nothing is changed, and no registry is asked.`,
		Example: `  bellbuoy connect distribution
  bellbuoy connect harbor --registry hub --url http://bellbuoy.example.com:5080
  bellbuoy connect quay --url http://bellbuoy:5080 --show-secrets`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			types := strings.Join(app.ConnectTypes(), ", ")
			if len(args) == 0 {
				return wrongUse(cmd, "want the TYPE of a registry: there are %s", types)
			}
			return wrongUse(cmd, "nothing is known of connecting a registry of type %q: there are %s", args[0], types)
		},
	}
	for _, typ := range app.ConnectTypes() {
		cmd.AddCommand(newConnectTo(env, typ))
	}
	return cmd
}

// newConnectTo is connect for one type of registry.
func newConnectTo(env environment, typ string) *cobra.Command {
	o := app.Connection{Type: typ}
	cmd := &cobra.Command{
		Use: typ,
		Short: map[string]string{
			"distribution": "Print an endpoint for Distribution's config.yml",
			"harbor":       "Print a webhook policy for Harbor",
			"quay":         "Print notifications for Quay",
		}[typ],
		Example: "  bellbuoy connect " + typ + " --url http://bellbuoy:5080",
		Args:    noArgs,
	}
	files := &fileFlags{}
	files.addConfig(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.Registry, "registry", "", "`NAME` of the registry in the config (default the one of that type)")
	flags.StringVar(&o.URL, "url", "", "`URL` of bellbuoy as the registry reaches it (default where the config listens)")
	flags.BoolVar(&o.ShowSecrets, "show-secrets", false, "print secrets, and no placeholder for them")
	switch typ {
	case "harbor":
		flags.BoolVar(&o.Plain, "default-format", false, "have Harbor send its default format, not CloudEvents")
	case "quay":
		flags.BoolVar(&o.Template, "template", false, "have the body name its event, not the URL")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Files = files.Files
		err := app.Connect(cmd.Context(), o, env.stdout)
		if wrong, ok := errors.AsType[*app.WrongUse](err); ok {
			return wrongUse(cmd, "%w", wrong)
		}
		return err
	}
	return cmd
}
