package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/host"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

// pluginFiles are the files of the pinned senders, by target type. Of types that are
// built in there are none: those go before.
func pluginFiles(c *config.Config) (map[string]host.File, error) {
	files := map[string]host.File{}
	if len(c.Plugins.Pins) == 0 {
		return files, nil
	}
	dir, err := filepath.Abs(string(c.Plugins.Dir))
	if err != nil {
		return nil, fmt.Errorf("find the folder of the plugins: %w", err)
	}
	builtin := senders.Builtin()
	for _, p := range c.Plugins.Pins {
		if _, ok := builtin[p.Type]; !ok {
			files[p.Type] = host.File{Path: filepath.Join(dir, p.Name()), SHA256: p.SHA256}
		}
	}
	return files, nil
}

// checkPlugins looks at the file of each pin that counts, and returns those that may be
// run. A file in the folder that nobody has pinned is not run: that is a fault where a
// target has its type, else a warning.
func checkPlugins(c *config.Config) (map[string]host.File, config.Faults, error) {
	files, err := pluginFiles(c)
	if err != nil {
		return nil, nil, err
	}
	var faults config.Faults
	for i, p := range c.Plugins.Pins {
		f, ok := files[p.Type]
		if !ok {
			continue
		}
		if c.Plugins.Dir == "" || p.SHA256 == "" { // said already
			delete(files, p.Type)
			continue
		}
		c.Note(f.Path)
		if err := f.Check(); err != nil {
			faults = append(faults, config.Faultf(fmt.Sprintf("plugins.pins[%d]", i), "%v", err))
			delete(files, p.Type)
		}
	}
	if c.Plugins.Dir == "" {
		return files, faults, nil
	}
	found, err := filepath.Glob(filepath.Join(string(c.Plugins.Dir), config.PluginPrefix+"*"))
	if err != nil {
		found = nil // a folder whose name is a bad pattern is none that has some
	}
	for _, path := range found {
		name := filepath.Base(path)
		if !slices.ContainsFunc(c.Plugins.Pins, func(p config.Pin) bool { return p.Name() == name }) {
			typ := strings.TrimPrefix(name, config.PluginPrefix)
			say := config.Warningf
			if slices.ContainsFunc(c.Targets, func(t config.Target) bool { return t.Type == typ }) {
				say = config.Faultf
			}
			faults = append(faults, say("plugins.dir", `has %s, which is not pinned and so is not run: `+
				`add what "bellbuoy plugins hash %s" prints to plugins.pins if you trust it, or remove the file`, name, path))
		}
	}
	return files, faults, nil
}

// plugins lists the senders of the types in use, and of those that were asked for since
// the start, by type.
func (r *running) plugins(h *host.Host) []api.Plugin {
	now := r.now.Load()
	byType := map[string]*api.Plugin{}
	at := func(typ string) *api.Plugin {
		if byType[typ] == nil {
			byType[typ] = &api.Plugin{Type: typ, State: "unused", Builtin: true, Targets: []string{}, Lines: []api.PluginLine{}}
		}
		return byType[typ]
	}
	for typ, d := range now.types {
		at(typ).Version = d.Version
	}
	for typ, f := range now.plugins {
		p := at(typ)
		p.Builtin, p.File, p.Pin = false, f.Path, f.SHA256
		if pin, ok := now.config.Plugins.Pin(typ); ok {
			p.Source = source(pin.Pos)
		}
	}
	for _, t := range now.config.Targets {
		p := at(t.Type)
		p.Targets = append(p.Targets, t.Name)
		if senders.InProcess(t.Type) {
			p.State, p.PID = string(host.Up), os.Getpid()
		}
	}
	for _, s := range h.Stats() {
		p := at(s.Type)
		p.State, p.Since, p.PID, p.Resident, p.Restarts, p.Deaths = string(s.State), &s.Since, s.PID, s.Resident, s.Restarts, s.Deaths
		p.InFlight, p.LinesDropped, p.Error, p.Protocol = s.InFlight, s.Dropped, s.Error, s.Protocol
		if s.Version != "" {
			p.Version = s.Version
		}
		if !s.Next.IsZero() {
			p.Next = &s.Next
		}
		for _, l := range s.Lines {
			p.Lines = append(p.Lines, api.PluginLine{Time: l.Time.UTC(), PID: l.PID, Text: l.Text})
		}
	}
	list := make([]api.Plugin, 0, len(byType))
	for _, typ := range slices.Sorted(maps.Keys(byType)) {
		list = append(list, *byType[typ])
	}
	return list
}

// checkers are the senders that a configuration's targets are checked by. Those that are
// built in are in this process; the others are run for as long as it takes.
type checkers struct {
	version string
	files   map[string]host.File
	host    *host.Host // nil until a file is asked
	dir     string     // of its sockets
}

// sender returns the sender of a type; false where there is none that could be asked.
func (k *checkers) sender(typ, storePath string) (plugin.Sender, bool, error) {
	if construct, ok := senders.Builtin()[typ]; ok {
		return construct(k.version), true, nil
	}
	if _, ok := k.files[typ]; !ok {
		return nil, false, nil
	}
	if k.host == nil {
		// For some moments only, so that it may be among temporary files.
		dir, err := os.MkdirTemp("", "bb-")
		if err != nil {
			dir = ""
		}
		dirs := runDirs(storePath)
		if dir != "" {
			dirs = append([]string{dir}, dirs...)
		}
		h, err := hostIn(dirs, host.Config{
			Command: func(typ string) ([]string, error) { return nil, fmt.Errorf("no target type %q", typ) },
			File:    func(typ string) (host.File, bool) { f, ok := k.files[typ]; return f, ok },
			Logger:  slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return nil, false, err
		}
		k.host, k.dir = h, dir
	}
	return k.host.Sender(typ), true, nil
}

// close ends the processes.
func (k *checkers) close() error {
	if k.host == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), senderGrace)
	defer cancel()
	err := k.host.Close(ctx)
	if k.dir != "" {
		err = errors.Join(err, os.RemoveAll(k.dir))
	}
	return err
}

// notAsked is the fault of a target whose sender, a file, does not answer.
func (k *checkers) notAsked(i int, typ string, err error) config.Fault {
	printed := ""
	for _, s := range k.host.Stats() {
		if n := len(s.Lines); s.Type == typ && n > 0 {
			printed = fmt.Sprintf("; it printed %q", s.Lines[n-1].Text)
		}
	}
	return config.Faultf(fmt.Sprintf("targets[%d].type", i), `its plugin does not answer, so that nobody can say what the options mean: %v%s: `+
		`run its file by hand with "describe" to see what it says`, err, printed)
}

// PrintPins prints what pins the file of a sender in a configuration: a line for each of
// types, or for the one that the file's name ends with, and the file's SHA-256.
func PrintPins(w io.Writer, path string, types []string) error {
	name := filepath.Base(path)
	typ, ok := strings.CutPrefix(name, config.PluginPrefix)
	if !ok || typ == "" {
		return fmt.Errorf("%s is not named as the file of a sender is: name it %sTYPE, by the target type that it serves", path, config.PluginPrefix)
	}
	if len(types) == 0 {
		types = []string{typ}
	}
	sum, err := host.Sum(path)
	if err != nil {
		return err
	}
	for _, t := range types {
		file := ""
		if t != typ {
			file = ", file: " + name
		}
		if _, err := fmt.Fprintf(w, "- {type: %s%s, sha256: %q}\n", t, file, sum); err != nil {
			return err
		}
	}
	return nil
}

// VerifyPlugins looks at the file of each pin in the configuration of files, as each
// start does, and prints a line for each. The error wraps [ErrConfig] where one would not
// be run. No plugin is started.
func VerifyPlugins(files Files, w io.Writer) error {
	c, faults := files.read(Known())
	if err := faults.Err(); err != nil {
		return fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	good, found, err := checkPlugins(c)
	if err != nil {
		return err
	}
	for _, p := range c.Plugins.Pins {
		if f, ok := good[p.Type]; ok {
			if _, err := fmt.Fprintf(w, "%s: good: %s holds what is pinned\n", p.Pos, f.Path); err != nil {
				return err
			}
		}
	}
	found = c.Locate(found).Merge(faults)
	for _, f := range found {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	if found.Failed() {
		return fmt.Errorf("%w: %s", ErrConfig, count(len(found)-len(found.Warnings()), "fault", "faults"))
	}
	if len(c.Plugins.Pins) == 0 {
		_, err = fmt.Fprintf(w, "%s: no plugin is pinned\n", files)
	}
	return err
}
