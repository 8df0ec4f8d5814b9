package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

func newPlugins(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plugins",
		GroupID: groupAsk,
		Short:   "See the senders that run, and pin those that do not come with bellbuoy",
		Long: `List the senders of the running bellbuoy: a process for each type of target, which
comes with bellbuoy or is a pinned file of plugins.dir, with its state.

  unused    no target has its type, or nothing was sent yet
  up        it runs
  down      it died or did not start; what is to be sent starts it again, after a pause
  halted    it died five times in ten minutes: it is started again after five minutes, or
            by "bellbuoy plugins restart TYPE", and its targets' events wait meanwhile`,
		Example: `  bellbuoy plugins
  bellbuoy plugins inspect webhook
  bellbuoy plugins hash /usr/lib/bellbuoy/bellbuoy-sender-matrix`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
	}
	listPlugins(cmd, env)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the senders",
		Long:    "List the senders of the running bellbuoy, as \"bellbuoy plugins\" does.",
		Example: `  bellbuoy plugins list -o json`,
		Args:    noArgs,
	}
	listPlugins(list, env)
	cmd.AddCommand(list, newPluginsInspect(env), newPluginsRestart(env), newPluginsHash(env), newPluginsVerify(env))
	return cmd
}

// listPlugins has cmd list the senders.
func listPlugins(cmd *cobra.Command, env environment) {
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		list, err := c.Plugins(cmd.Context())
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSONList(env.stdout, list, func(p client.Plugin) json.RawMessage { return p.JSON })
		}
		if len(list) == 0 {
			return &nothingFound{"no target has a type yet, so there is no sender"}
		}
		return printPlugins(env.stdout, list)
	}
}

func printPlugins(w io.Writer, list []client.Plugin) error {
	return table(w, func(w io.Writer) {
		fmt.Fprintln(w, "TYPE\tVERSION\tFROM\tSTATE\tSINCE\tPID\tMEMORY\tRESTARTS\tERROR")
		for _, p := range list {
			from, since, pid, memory := "bellbuoy", "-", "-", "-"
			if !p.Builtin {
				from = p.File
			}
			if p.Since != nil {
				since = second(*p.Since)
			}
			if p.PID != 0 {
				pid = strconv.Itoa(p.PID)
			}
			if p.Resident != 0 {
				memory = size(p.Resident)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", safe(p.Type), safe(orDash(p.Version)), safe(from), safe(p.State), since, pid,
				memory, p.Restarts, safe(orDash(p.Error)))
		}
	})
}

func newPluginsInspect(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect TYPE",
		Short: "Tell all of one sender, with what it printed last",
		Long: `Tell all that the running bellbuoy knows of the sender of one target type: where it
comes from, how it runs, why it last died, and the last lines that it printed (at most
200, and 64 KiB).`,
		Example: `  bellbuoy plugins inspect webhook`,
		Args:    oneType,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		p, err := c.Plugin(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return showPlugin(env.stdout, p, *format)
	}
	return cmd
}

func newPluginsRestart(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restart TYPE",
		Short: "Have a sender run anew, also one that is halted",
		Long: `Start a new process for one target type. It gets what is sent from then on; the old
one ends when it has answered what it has. Where the new one does not start, the old one
goes on, and the exit status is 1. Deaths before are forgotten: one that was halted
is started at once.`,
		Example: `  bellbuoy plugins restart webhook`,
		Args:    oneType,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		p, err := c.RestartPlugin(cmd.Context(), args[0], "`"+cmd.CommandPath()+" "+args[0]+"`"+who())
		if err != nil {
			return err
		}
		return showPlugin(env.stdout, p, *format)
	}
	return cmd
}

// oneType takes one argument: a target type.
func oneType(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return wrongUse(cmd, "want one TYPE, not %d", len(args))
	}
	if strings.Trim(args[0], ". ") == "" {
		return wrongUse(cmd, "%q is no TYPE: name one as the list shows it", args[0])
	}
	return nil
}

func showPlugin(w io.Writer, p client.Plugin, format output) error {
	if format == outputJSON {
		return printJSON(w, p.JSON)
	}
	err := table(w, func(w io.Writer) {
		row := func(name, value string) {
			if value != "" {
				fmt.Fprintf(w, "%s\t%s\n", name, safe(value))
			}
		}
		row("Type", p.Type)
		row("Version", orDash(p.Version))
		if p.Builtin {
			row("From", "bellbuoy itself")
		} else {
			row("File", p.File)
			row("Pinned", "SHA-256 "+p.Pin)
			if p.Source != nil {
				row("Pinned in", p.Source.String())
			}
		}
		state := p.State
		if p.Since != nil {
			state += " since " + second(*p.Since)
		}
		if p.Next != nil {
			state += ", not started before " + second(*p.Next)
		}
		row("State", state)
		if p.PID != 0 {
			row("Process", fmt.Sprintf("%d, %s of memory, %d in flight", p.PID, size(p.Resident), p.InFlight))
		}
		row("Restarts", fmt.Sprintf("%d, %d deaths in the last ten minutes", p.Restarts, p.Deaths))
		row("Last error", p.Error)
		row("Targets", orDash(strings.Join(p.Targets, ", ")))
		if p.LinesDropped > 0 {
			row("Dropped", fmt.Sprintf("%d lines, too many for the log", p.LinesDropped))
		}
	})
	if err != nil || len(p.Lines) == 0 {
		return err
	}
	fmt.Fprint(w, "\nIt printed last:\n")
	for _, l := range p.Lines {
		if _, err := fmt.Fprintf(w, "  %s [%d] %s\n", second(l.Time), l.PID, safe(l.Text)); err != nil {
			return err
		}
	}
	return nil
}

func newPluginsHash(env environment) *cobra.Command {
	var types []string
	cmd := &cobra.Command{
		Use:   "hash FILE",
		Short: "Print the line that pins the file of a sender",
		Long: `Read the file of a sender, bellbuoy-sender-TYPE, and print what pins it: a line for
plugins.pins in the config, with the type and the SHA-256 of what the file holds. No
server is asked, and nothing is run.

A file that serves several types has a pin for each that is to be used: name them.

Print it where the file comes from, or compare it with what its author says: a pin
keeps the file what it is, and says nothing of whether it was good.`,
		Example: `  bellbuoy plugins hash /usr/lib/bellbuoy/bellbuoy-sender-matrix
  bellbuoy plugins hash --type kafka,nats /usr/lib/bellbuoy/bellbuoy-sender-brokers`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUse(cmd, "want one FILE, not %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return app.PrintPins(env.stdout, args[0], types)
		},
	}
	cmd.Flags().StringSliceVar(&types, "type", nil, "pin the file for this target `TYPE`, not for the one in its name; may be given again")
	return cmd
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
