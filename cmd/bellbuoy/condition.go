package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// newTargetsDecide makes the command by which a person decides something of a target.
func newTargetsDecide(env environment, d client.Decision, short, long string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     string(d) + " NAME",
		Short:   short,
		Long:    long,
		Example: "  bellbuoy targets " + string(d) + " ci",
		Args:    oneName,
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		next, told, err := c.Decide(cmd.Context(), d, args[0], "`"+cmd.CommandPath()+" "+args[0]+"`"+who())
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSON(env.stdout, told)
		}
		_, err = fmt.Fprintf(env.stdout, "%s is %s.\n", safe(args[0]), conditionText(next))
		return err
	}
	return cmd
}

func newTargetsDisable(env environment) *cobra.Command {
	return newTargetsDecide(env, client.Disable, "Send nothing to a target until it is enabled",
		`Send nothing to a target any more. Its deliveries are parked, and so are new ones,
until "bellbuoy targets enable NAME"; those that wait longer than its park_for
expire. Sends that are under way are not cut off. A reload or a restart does not
enable it.`)
}

func newTargetsEnable(env environment) *cobra.Command {
	return newTargetsDecide(env, client.Enable, "Send to a target again that was disabled",
		`Send to a target again that was disabled, by somebody or by what it answered. What
was parked is sent first, in its order.`)
}

func newTargetsReset(env environment) *cobra.Command {
	return newTargetsDecide(env, client.Reset, "Enable a target and forget its failures",
		`Enable a target and forget what its answers said of it: it is sent to at once, though
it was failing or asked to be left alone, and its failures are counted anew.`)
}

// conditionText says how a target is, in one line.
func conditionText(c client.Condition) string {
	var b strings.Builder
	b.WriteString(safe(c.State))
	if c.State == "gone" && c.Since != nil { // that is since when it is disabled
		b.WriteString("; disabled")
	}
	switch {
	case c.State == "paused" && c.Until != nil:
		fmt.Fprintf(&b, " until %s", second(*c.Until))
	case c.Since != nil:
		fmt.Fprintf(&b, " since %s", second(*c.Since))
		if c.Until != nil {
			fmt.Fprintf(&b, ", next probe %s", second(*c.Until))
		}
	}
	if c.Reason != "" {
		fmt.Fprintf(&b, ": %s", safe(c.Reason))
	}
	if c.Failures > 0 {
		fmt.Fprintf(&b, "; %d dead in a row", c.Failures)
	}
	if c.Marked != nil && c.Marked.Reason != c.Reason {
		fmt.Fprintf(&b, "; options wrong: %s", safe(c.Marked.Reason))
	}
	return b.String()
}
