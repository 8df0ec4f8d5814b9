// Command bellbuoy takes a container registry's notifications, writes them down,
// and delivers them by rules. `bellbuoy run` is the sidecar; the other verbs ask
// the one that runs, or work without any.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// environment is what a verb sees of the world.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
}

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], environment{
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
		getenv: os.Getenv,
		now:    time.Now,
	}))
}

// execute does what the arguments ask for and returns the exit status.
func execute(ctx context.Context, args []string, env environment) int {
	root := newRoot(env)
	// Flags and arguments are in order once a verb's own hooks run: an error before
	// that is wrong use.
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }

	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !started {
		err = &usageError{cmd: cmd.CommandPath(), err: err}
	}
	return report(env.stderr, err)
}

const (
	groupSidecar  = "sidecar"
	groupAsk      = "ask"
	groupOther    = "other"
	groupInternal = "internal"
)

func newRoot(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "bellbuoy",
		Short: "Deliver a container registry's notifications, and know what became of each",
		Long: `bellbuoy takes a container registry's notifications, writes them down, and
delivers them by rules, at least once. What became of each can be asked for.

Exit status: 0 done; 1 failed; 2 wrong use or wrong config; 3 input that could
not be read, or nothing found.`,
		Example: `  bellbuoy run                      # needs no config
  bellbuoy inbox                    # what you are told
  bellbuoy events --since 1h        # what came in
  bellbuoy trace ID                 # what became of it`,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.AddGroup(
		&cobra.Group{ID: groupSidecar, Title: "The sidecar:"},
		&cobra.Group{ID: groupAsk, Title: "Ask the one that runs:"},
		&cobra.Group{ID: groupOther, Title: "Also:"},
		&cobra.Group{ID: groupInternal, Title: "Internal:"},
	)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.SuggestionsMinimumDistance = 2
	root.SetHelpCommand(newHelp())
	root.AddCommand(
		newRun(env),
		newCheck(env),
		newEvents(env),
		newTrace(env),
		newExplain(env),
		newBacktest(env),
		newRedeliver(env),
		newReplay(env),
		newTest(env),
		newInbox(env),
		newQuarantine(env),
		newRules(env),
		newTargets(env),
		newRegistries(env),
		newPlugins(env),
		newTokens(env),
		newBackup(env),
		newTranslate(env),
		newConnect(env),
		newSender(env),
		newVersion(env),
	)
	fixCompletion(root)
	offerNames(root, env)
	return root
}
