package main

import (
	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

// fileFlags say what a config is read from.
type fileFlags struct{ app.Files }

// addConfig adds --config to cmd.
func (f *fileFlags) addConfig(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.Config, "config", "c", "", "config `FILE` (default ./"+app.DefaultFile+" where there is one)")
}

// addRegistryConfig adds --registry-config and --endpoint to cmd.
func addRegistryConfig(cmd *cobra.Command) *fileFlags {
	f := &fileFlags{}
	cmd.Flags().StringVar(&f.Registry, "registry-config", "", "a Distribution registry's own config.yml `FILE`, of which its endpoint and a section \"bellbuoy\" are read")
	cmd.Flags().StringVar(&f.Endpoint, "endpoint", "", "`NAME` of the endpoint in it that posts to bellbuoy (default bellbuoy)")
	return f
}

// complete finds flags of cmd that do not go together.
func (f *fileFlags) complete(cmd *cobra.Command) error {
	if f.Endpoint != "" && f.Registry == "" {
		return wrongUse(cmd, "--endpoint %s: it is one of a registry's; name its file with --registry-config", f.Endpoint)
	}
	return nil
}
