package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

// The exit statuses, for scripts.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // wrong use or wrong config
	exitNothing = 3 // input that could not be read, or nothing found
)

// usageError is wrong use of cmd.
type usageError struct {
	cmd string
	err error
}

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

// wrongUse makes a usageError of cmd.
func wrongUse(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd: cmd.CommandPath(), err: fmt.Errorf(format, args...)}
}

// unknownCommand is wrong use of cmd, with the commands that may have been meant.
func unknownCommand(cmd *cobra.Command, name string) error {
	near := cmd.SuggestionsFor(name)
	if len(near) == 0 {
		return wrongUse(cmd, "there is no command %q", name)
	}
	return wrongUse(cmd, "there is no command %q; did you mean %s?", name, strings.Join(near, " or "))
}

// nothingFound says what was looked for and not found.
type nothingFound struct{ what string }

func (n *nothingFound) Error() string { return n.what }

// exitStatus is an exit status of which all has been said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report tells err and returns the exit status for it.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintf(w, "bellbuoy: %s\n", safeLines(err.Error()))

	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(w, "See '%s --help'.\n", usage.cmd)
		return exitUsage
	}
	var nothing *nothingFound
	var problem *client.Problem
	switch {
	case errors.As(err, &nothing):
		return exitNothing
	case errors.Is(err, app.ErrConfig):
		return exitUsage
	case errors.As(err, &problem) && problem.Status == http.StatusBadRequest:
		return exitUsage
	case errors.As(err, &problem) && problem.Status == http.StatusNotFound:
		return exitNothing
	}
	return exitFailed
}
