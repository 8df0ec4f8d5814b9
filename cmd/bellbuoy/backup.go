package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newBackup(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "backup FILE",
		GroupID: groupAsk,
		Short:   "Copy the store of the one that runs into a file",
		Long: `Copy the store of the running bellbuoy into FILE, as it is at one moment, while
events are taken and delivered. FILE must not be there yet; it is there once it is
whole and on disk, and only you may read it.

To restore it, stop bellbuoy, move its store away with the files beside it whose
names end in -wal and -shm, put FILE in its place and start bellbuoy: what had not
been delivered when the copy was made is delivered then.`,
		Example: `  bellbuoy backup bellbuoy-monday.db`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return wrongUse(cmd, "want one FILE, not %d", len(args))
			}
			return nil
		},
	}
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		defer stop()
		var bytes int64
		err = writeNew(args[0], func(w io.Writer) error {
			var err error
			bytes, err = c.Backup(ctx, w)
			if err != nil && ctx.Err() != nil {
				return errors.New("back up: interrupted")
			}
			return err
		})
		if err != nil {
			return err
		}
		if *format == outputJSON {
			return printJSON(env.stdout, map[string]any{"file": args[0], "bytes": bytes})
		}
		_, err = fmt.Fprintf(env.stdout, "%s: %s\n", safe(args[0]), size(bytes))
		return err
	}
	return cmd
}

// writeNew makes a file of what write writes, or none: under its name is nothing until
// all of it is on disk. One that is there is not touched.
func writeNew(file string, write func(io.Writer) error) (err error) {
	taken := fmt.Errorf("%s is there already: name another file, or move it away", file)
	if _, err := os.Lstat(file); err == nil {
		return taken
	}
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, filepath.Base(file)+".part-") // for nobody else: 0600
	if err != nil {
		return fmt.Errorf("make %s: %w", file, err)
	}
	defer os.Remove(f.Name())
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	err = os.Link(f.Name(), file) // unlike a rename, it replaces nothing
	switch {
	case errors.Is(err, fs.ErrExist):
		return taken
	case err != nil: // a file system without links
		if _, err := os.Lstat(file); err == nil {
			return taken
		}
		if err := os.Rename(f.Name(), file); err != nil {
			return fmt.Errorf("name %s: %w", file, err)
		}
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the folder of %s: %w", file, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the folder of %s: %w", file, err)
	}
	return nil
}
