package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// noArgs takes flags only.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrongUse(cmd, "%q is one too many: there are no arguments, only flags", args[0])
	}
	return nil
}

// maybeFile takes one argument or none.
func maybeFile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return wrongUse(cmd, "want one FILE, not %d", len(args))
	}
	return nil
}

// maybeID takes what oneID takes, or nothing.
func maybeID(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return oneID(cmd, args)
}

// oneID takes one argument: an id as the lists show it, or as the registry has it,
// which may hold anything but what would be a path to something else.
func oneID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return wrongUse(cmd, "want one ID, not %d", len(args))
	}
	if strings.Trim(args[0], ". ") == "" {
		return wrongUse(cmd, "%q is no ID: name one as the list shows it", args[0])
	}
	return nil
}

// oneName takes one argument: the name of a target.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return wrongUse(cmd, "want one NAME, not %d", len(args))
	}
	if strings.Trim(args[0], ". ") == "" {
		return wrongUse(cmd, "%q is no NAME: name one as the list shows it", args[0])
	}
	return nil
}
