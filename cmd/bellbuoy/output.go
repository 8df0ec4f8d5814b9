package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// output is the flag -o.
type output string

const (
	outputTable output = "table"
	outputJSON  output = "json"
)

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "FORMAT" }

func (o *output) Set(s string) error {
	switch output(s) {
	case outputTable, outputJSON:
		*o = output(s)
		return nil
	}
	return fmt.Errorf("want %s or %s", outputTable, outputJSON)
}

// addOutput adds -o to cmd.
func addOutput(cmd *cobra.Command) *output {
	o := outputTable
	cmd.Flags().VarP(&o, "output", "o", "table for people, json for machines")
	complete(cmd, "output", string(outputTable), string(outputJSON))
	return &o
}

// complete has the shell offer values for a flag of cmd.
func complete(cmd *cobra.Command, flag string, values ...string) {
	offer := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(flag, offer); err != nil {
		cmd.PrintErrln("completion of --"+flag+":", err) // no such flag: caught by any run of the tests
	}
}

// printJSON prints v, indented.
func printJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	_, err := w.Write(safeJSON(buf.Bytes()))
	return err
}

// printJSONList prints a list whose items are as the server told them.
func printJSONList[T any](w io.Writer, list []T, told func(T) json.RawMessage) error {
	raw := make([]json.RawMessage, len(list))
	for i, item := range list {
		raw[i] = told(item)
	}
	return printJSON(w, raw)
}

// table lines up cells that are ended by tabs.
func table(w io.Writer, print func(w io.Writer)) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	print(t)
	return t.Flush()
}

// second and milli show a time, always in UTC so that it can be compared with logs.
func second(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
func milli(t time.Time) string  { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// size shows a number of bytes.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// orDash stands in for what is not there, so that every cell of a table holds
// something.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
