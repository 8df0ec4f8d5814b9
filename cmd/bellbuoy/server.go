package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// serverFlags say which running bellbuoy is asked.
type serverFlags struct {
	server, tokenFile string
	getenv            func(string) string
}

// addServer adds --server and --token-file to cmd.
func addServer(cmd *cobra.Command, env environment) *serverFlags {
	f := &serverFlags{getenv: env.getenv}
	cmd.Flags().StringVar(&f.server, "server", "", "`URL` of bellbuoy's admin listener (default $BELLBUOY_SERVER, else "+client.DefaultServer+")")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "`FILE` that holds the token (default the token in $BELLBUOY_TOKEN)")
	return f
}

// client returns the way to that bellbuoy. Its errors are wrong use of cmd.
func (f *serverFlags) client(cmd *cobra.Command) (*client.Client, error) {
	token := strings.TrimSpace(f.getenv("BELLBUOY_TOKEN"))
	if f.tokenFile != "" {
		var err error
		if token, err = readToken(f.tokenFile); err != nil {
			return nil, wrongUse(cmd, "%w", err)
		}
	}
	c, err := client.New(cmp.Or(f.server, f.getenv("BELLBUOY_SERVER"), client.DefaultServer), token)
	if err != nil {
		return nil, wrongUse(cmd, "%w", err)
	}
	return c, nil
}

// readToken reads the token that a file holds, and nothing else.
func readToken(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("read token: %s is empty", file)
	}
	return token, nil
}
