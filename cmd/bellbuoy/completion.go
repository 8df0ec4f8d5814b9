package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// completeWithin is how long a shell waits for names: who presses a key does not wait
// for a server that is slow, or gone.
const completeWithin = 500 * time.Millisecond

// nouns are what has names that the running bellbuoy knows.
func nouns() map[string]func(context.Context, *client.Client) ([]string, error) {
	return map[string]func(context.Context, *client.Client) ([]string, error){
		"rules": func(ctx context.Context, c *client.Client) ([]string, error) {
			r, err := c.Rules(ctx)
			return namesOf(r.Rules, func(r client.Rule) string { return r.Name }), err
		},
		"targets": func(ctx context.Context, c *client.Client) ([]string, error) {
			list, err := c.Targets(ctx)
			return namesOf(list, func(t client.Target) string { return t.Name }), err
		},
		"registries": func(ctx context.Context, c *client.Client) ([]string, error) {
			list, err := c.Registries(ctx)
			return namesOf(list, func(r client.Registry) string { return r.Name }), err
		},
		"plugins": func(ctx context.Context, c *client.Client) ([]string, error) {
			list, err := c.Plugins(ctx)
			return namesOf(list, func(p client.Plugin) string { return p.Type }), err
		},
	}
}

func namesOf[T any](list []T, name func(T) string) []string {
	names := make([]string, len(list))
	for i, item := range list {
		names[i] = name(item)
	}
	return names
}

// offerNames has the shell offer names that the running bellbuoy knows, for all commands
// below cmd that ask it: for their flags, and for their argument by how they write it.
func offerNames(cmd *cobra.Command, env environment) {
	for _, c := range cmd.Commands() {
		offerNames(c, env)
	}
	if cmd.Flags().Lookup("server") == nil {
		return
	}
	for flag, noun := range map[string]string{"rule": "rules", "target": "targets", "to": "targets", "registry": "registries"} {
		if cmd.Flags().Lookup(flag) == nil {
			continue
		}
		if err := cmd.RegisterFlagCompletionFunc(flag, offer(env, noun, nil)); err != nil {
			cmd.PrintErrln("completion of --"+flag+":", err) // one that has one already: caught by any run of the tests
		}
	}
	_, argument, _ := strings.Cut(cmd.Use, " ")
	none := func(args []string) bool { return len(args) == 0 }
	switch under := cmd.Parent().Name(); {
	case argument == "TARGET":
		cmd.ValidArgsFunction = offer(env, "targets", none)
	case argument == "NAME" && nouns()[under] != nil, argument == "TYPE" && under == "plugins":
		cmd.ValidArgsFunction = offer(env, under, none)
	case cmd.ValidArgsFunction == nil && !strings.Contains(argument, "FILE"):
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}

// offer offers the names of a noun, where wanted allows it; nil always does. Whatever goes
// wrong, the shell is told of no names, and nothing else.
func offer(env environment, noun string, wanted func(args []string) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if wanted != nil && !wanted(args) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		f := serverFlags{getenv: env.getenv}
		f.server, _ = cmd.Flags().GetString("server")
		f.tokenFile, _ = cmd.Flags().GetString("token-file")
		c, err := f.client(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), completeWithin)
		defer cancel()
		names, err := nouns()[noun](ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, begun) || safe(n) != n })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
