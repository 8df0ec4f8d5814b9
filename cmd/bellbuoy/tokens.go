package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newTokens(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "tokens",
		GroupID: groupAsk,
		Short:   "See, make, rotate and delete the tokens that scripts show",
		Long: `List the tokens of the running bellbuoy, those of its config and those that were made
here. It takes the role admin, as all that is done with tokens.

What may be done with a token says its role:

  viewer   reads
  editor   changes rules, targets and registries too, and has deliveries made
  admin    does all: tokens, the sessions of others, restarts of senders, backups

While the config has neither admin.tokens nor admin.users, programs of this machine
are served without a token and nobody else: tokens that are made count once it has.`,
		Example: `  bellbuoy tokens
  bellbuoy tokens create ci --role editor --scope targets:write --expires 90d > ci.token
  bellbuoy tokens rotate ci --overlap 24h > ci.token
  bellbuoy tokens delete ci`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
	}
	listTokens(cmd, env)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens",
		Long:    "List the tokens of the running bellbuoy, as \"bellbuoy tokens\" does.",
		Example: `  bellbuoy tokens list -o json`,
		Args:    noArgs,
	}
	listTokens(list, env)
	cmd.AddCommand(list, newTokensCreate(env), newTokensRotate(env), newTokensDelete(env))
	return cmd
}

// listTokens has cmd list the tokens.
func listTokens(cmd *cobra.Command, env environment) {
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		list, err := c.Tokens(cmd.Context())
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSONList(env.stdout, list, func(t client.Token) json.RawMessage { return t.JSON })
		}
		if len(list) == 0 {
			return &nothingFound{"there are no tokens: make one with `bellbuoy tokens create`"}
		}
		return printTokens(env.stdout, list)
	}
}

func printTokens(w io.Writer, list []client.Token) error {
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "TOKEN\tROLE\tSCOPES\tSOURCE\tCREATED\tEXPIRES\tUSED\tSTATE")
		for _, t := range list {
			source, state := "made by "+t.By, "taken"
			if t.Owner != "" {
				source = t.Owner
			}
			if t.OldUntil != nil {
				state = "taken, the secret before until " + second(*t.OldUntil)
			}
			if t.Inactive != "" {
				state = "not taken: " + t.Inactive
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", safe(t.Name), safe(t.Role), safe(orDash(strings.Join(t.Scopes, " "))), safe(source),
				at(t.Created), at(t.Expires), at(t.Used), safe(state))
		}
	})
}

// at is a time, or a dash.
func at(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return second(*t)
}

func newTokensCreate(env environment) *cobra.Command {
	var n client.NewToken
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE",
		Short: "Make a token and print its secret",
		Long: `Make a token. Its secret, which is all that standard output has, is told this once: the
running bellbuoy keeps no more of it than it needs to know it again.

Scopes narrow what may be done with it: NOUN:read and NOUN:write, where NOUN is "*" or one
of those that the API's document names.`,
		Example: `  bellbuoy tokens create ci --role editor --scope targets:write --expires 90d > ci.token
  bellbuoy tokens create prometheus --role viewer --scope metrics:read`,
		Args: oneToken,
	}
	cmd.Flags().StringVar(&n.Role, "role", "", "`ROLE` of the token: viewer, editor or admin")
	cmd.Flags().StringSliceVar(&n.Scopes, "scope", nil, "what it may be used for, `NOUN:read` or NOUN:write; may be given again (default all that its role may)")
	cmd.Flags().StringVar(&n.ExpiresIn, "expires", "", "how `LONG` it is taken, such as 720h or 90d (default until it is deleted)")
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if n.Role == "" {
			return wrongUse(cmd, "say what it may be used for with --role: viewer, editor or admin")
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		n.Name, n.By = args[0], "`"+cmd.CommandPath()+"`"+who()
		t, err := c.MakeToken(cmd.Context(), n)
		if err != nil {
			return err
		}
		return showSecret(env, t, *format, "it is made")
	}
	return cmd
}

func newTokensRotate(env environment) *cobra.Command {
	var overlap string
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Give a token another secret and print it",
		Long: `Give a token another secret, which is all that standard output has. The one of now is
taken for as long as --overlap says, so that scripts can change over.`,
		Example: `  bellbuoy tokens rotate ci --overlap 24h > ci.token`,
		Args:    oneToken,
	}
	cmd.Flags().StringVar(&overlap, "overlap", "", "how `LONG` the secret of now is still taken, up to 7d (default not at all)")
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		t, err := c.RotateToken(cmd.Context(), args[0], overlap, "`"+cmd.CommandPath()+"`"+who())
		if err != nil {
			return err
		}
		return showSecret(env, t, *format, "it has another secret")
	}
	return cmd
}

// showSecret prints the secret of a token alone, so that it can go into a file, and tells
// people what was done beside it.
func showSecret(env environment, t client.Token, format output, done string) error {
	if format == outputJSON {
		return printJSON(env.stdout, t.JSON)
	}
	more := ""
	if t.OldUntil != nil {
		more = ", and the one before is taken until " + second(*t.OldUntil)
	}
	fmt.Fprintf(env.stderr, "Token %s (%s): %s%s. Nobody can tell this secret again.\n", safe(t.Name), safe(t.Role), done, more)
	if t.Inactive != "" {
		fmt.Fprintf(env.stderr, "It is not taken: %s.\n", safe(t.Inactive))
	}
	_, err := fmt.Fprintln(env.stdout, safe(t.Secret))
	return err
}

func newTokensDelete(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a token",
		Long:    `Delete a token that was made here. It is not taken any more from then on.`,
		Example: `  bellbuoy tokens delete ci`,
		Args:    oneToken,
	}
	server := addServer(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		return c.DeleteToken(cmd.Context(), args[0])
	}
	return cmd
}

// oneToken takes one argument: the name of a token.
func oneToken(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return wrongUse(cmd, "want one NAME, not %d", len(args))
	}
	if strings.Trim(args[0], ". ") == "" {
		return wrongUse(cmd, "%q is no NAME of a token", args[0])
	}
	return nil
}
