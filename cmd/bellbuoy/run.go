package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

// traceable is the variable that, set to anything, leaves the process open to debuggers of
// the same user.
const traceable = "BELLBUOY_TRACEABLE"

func newRun(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "run",
		GroupID: groupSidecar,
		Short:   "Take notifications and deliver them, until told to stop",
		Long: `Run the sidecar: take notifications, write them down, deliver them by rules.

Without --config it reads ./bellbuoy.yml where there is one. Without any config
it listens on this machine only, takes every event, keeps it in ./bellbuoy.db and
delivers it to the inbox, but for pulls and blobs, and prints what to put into the
registry's config.

With --registry-config it reads a Distribution registry's own config.yml as well:
the endpoint named bellbuoy there says where to listen, what the registry is called
and what it must show, and a top-level section "bellbuoy" may hold all the rest, so
that one file configures both. What the files say twice must be the same.

When its files change, or at SIGHUP, it goes by the new config, unless that has a
fault: then the old one stays, and "bellbuoy rules" and /readyz say why. Where it
listens and keeps its store changes at the next start only.

SIGTERM or SIGINT ends it: no more is taken in, the sends under way are finished.
A second one ends it at once; nothing is lost by that, but sends whose end was
not written down are made again.`,
		Example: `  bellbuoy run
  bellbuoy run --config /etc/bellbuoy/bellbuoy.yml
  bellbuoy run --registry-config /etc/distribution/config.yml`,
		Args: noArgs,
	}
	files := addRegistryConfig(cmd)
	files.addConfig(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := files.complete(cmd); err != nil {
			return err
		}
		if env.getenv(traceable) == "" {
			if err := keepPrivate(); err != nil {
				return fmt.Errorf("keep the memory of this process from other processes: %w", err)
			}
		}
		executable, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find own executable, which also runs the senders: %w", err)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		// After the first signal a second does what it does to any program.
		defer context.AfterFunc(ctx, stop)()

		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		defer signal.Stop(reload)

		return app.Run(ctx, app.Options{
			Files:      files.Files,
			Version:    readBuild().Version,
			Stdout:     env.stdout,
			Stderr:     env.stderr,
			Executable: executable,
			Reload:     reload,
			Name:       os.Args[0],
		})
	}
	return cmd
}
