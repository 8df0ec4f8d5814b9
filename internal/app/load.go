package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/delivery"
	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/host"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

// DefaultFile is the configuration that is read where none is named.
const DefaultFile = "bellbuoy.yml"

// ErrConfig: the configuration cannot be used. The error that wraps it has all that is
// wrong, a line each.
var ErrConfig = errors.New("the configuration cannot be used")

// settings are a configuration that was found to be right, and what was made of it.
type settings struct {
	config *config.Config
	rules  *rules.Set
	types  map[string]plugin.Description // of the target types in use
	// plugins are the files of senders that are not built in, by target type.
	plugins map[string]host.File
	file    string // what it was read from; "" where there is none
	files   Files  // the same, to be read again
	// made are the objects of the API, those too that are not in use; generation is theirs.
	// Of files alone there are none.
	made       []*made
	generation int64
	guard      *lookup.Guard              // of the registries among made, as long as the files are the same
	sends      map[string]delivery.Target // what delivery goes by, of targets of which that is known
	// unverified are the addresses, by target, to which nothing but links is sent.
	unverified map[string][]store.Address
	// warnings are what was said of it though it is good.
	warnings config.Faults
}

// Known is what a configuration may name in this version.
func Known() config.Known {
	known := config.Known{
		RegistryTypes: RegistryTypes(),
		LookupTypes:   lookupTypes(),
		Nouns:         access.Nouns(),
		TargetTypes:   slices.Sorted(maps.Keys(senders.Builtin())),
	}
	for _, t := range event.Types() {
		known.EventTypes = append(known.EventTypes, string(t))
	}
	return known
}

// Files are what a configuration is read from.
type Files struct {
	Config   string // bellbuoy's own; "" takes [DefaultFile] where there is one
	Registry string // the config.yml of a Distribution registry, read with it; "" = none
	Endpoint string // of that registry's that posts to bellbuoy; "" = [config.DefaultEndpoint]
}

// String names the files.
func (f Files) String() string {
	if f.Config == "" || f.Registry == "" {
		return f.Config + f.Registry
	}
	return f.Config + " and " + f.Registry
}

// read reads the files that there are, and completes f by the default one.
func (f *Files) read(known config.Known) (*config.Config, config.Faults) {
	if f.Config == "" {
		if _, err := os.Stat(DefaultFile); !errors.Is(err, fs.ErrNotExist) {
			f.Config = DefaultFile
		}
	}
	switch {
	case f.Registry != "":
		return config.LoadBeside(f.Config, config.Beside{File: f.Registry, Endpoint: f.Endpoint}, known)
	case f.Config != "":
		return config.Load(f.Config, known)
	}
	return config.Default(), nil
}

// load reads the configuration in files and checks all of it: the files themselves, the
// rules' patterns, and each target's options by the sender of its type. With no file
// named it takes [DefaultFile] where there is one, else the configuration of a
// bellbuoy that was given none. Faults may be warnings only; then err is nil.
func load(ctx context.Context, files Files, version string) (_ settings, _ config.Faults, err error) {
	c, faults := files.read(Known())
	set, patterns := rules.FromConfig(c)
	faults = faults.Merge(patterns)
	s := settings{config: c, rules: set, types: map[string]plugin.Description{}, file: files.String(), files: files}
	pinned, found, err := checkPlugins(c)
	if err != nil {
		return s, faults, err
	}
	s.plugins = pinned
	faults = faults.Merge(c.Locate(found))
	k := &checkers{version: version, files: pinned}
	defer func() { err = errors.Join(err, k.close()) }()
	senders, plain, found, err := s.ask(ctx, k)
	if err != nil {
		return s, faults, err
	}
	faults = faults.Merge(found)
	if found, err = s.checkMail(ctx, k); err != nil {
		return s, faults, err
	}
	faults = faults.Merge(found)
	made, err := messages(ctx, c, senders)
	if err != nil {
		return s, faults, err
	}
	faults = faults.Merge(made)
	plain = append(append(c.Locate(plain), ignored(c)...), alone(c)...)
	faults = faults.Merge(plain) // nothing more of an option that is wrong
	if err := faults.Err(); err != nil {
		return s, faults, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	s.warnings = faults
	return s, faults, nil
}

// checkMail has the sender of mails look at what c says of the server, which no target
// of the file goes by.
func (s *settings) checkMail(ctx context.Context, k *checkers) (config.Faults, error) {
	options, filled := s.config.Mail.Fill([]byte(`{"to": ["somebody@example.com"]}`))
	if !filled {
		return nil, nil
	}
	sender, ok, err := k.sender(mailType, s.config.Store)
	if err != nil || !ok {
		return nil, err
	}
	found, err := sender.Check(ctx, plugin.Check{Options: options})
	if err != nil {
		return nil, fmt.Errorf("check how mails are sent: %w", err)
	}
	var faults config.Faults
	for _, f := range found {
		fault := config.Faultf("mail."+f.Path, "%s", f.Message)
		fault.Severity = severity(f)
		faults = append(faults, fault)
	}
	return s.config.Locate(faults), nil
}

// ask has the options of each target checked by the sender of its type. It returns those
// senders, and what is wrong; plain are the warnings of secrets, not on their lines yet.
func (s *settings) ask(ctx context.Context, k *checkers) (senders map[string]plugin.Sender, plain, faults config.Faults, err error) {
	c := s.config
	senders = map[string]plugin.Sender{}
	mute := map[string]error{} // the plugins that do not answer
	for i, t := range c.Targets {
		if t.Options == nil {
			continue // said already
		}
		if err := mute[t.Type]; err != nil {
			faults = append(faults, c.Locate(config.Faults{k.notAsked(i, t.Type, err)})...)
			continue
		}
		sender, ok := senders[t.Type]
		if !ok {
			if sender, ok, err = k.sender(t.Type, c.Store); err != nil {
				return nil, nil, nil, err
			}
			if !ok {
				continue // said already
			}
			d, err := sender.Describe(ctx)
			if _, ours := k.files[t.Type]; err != nil && ours && ctx.Err() == nil {
				mute[t.Type] = err
				faults = append(faults, c.Locate(config.Faults{k.notAsked(i, t.Type, err)})...)
				continue
			}
			if err != nil {
				return nil, nil, nil, fmt.Errorf("ask what sender %s is: %w", t.Type, err)
			}
			if _, found := render.Compile(render.Rendering{Format: d.Defaults.Format}); found != nil {
				faults = append(faults, c.Locate(config.Faults{config.Faultf(fmt.Sprintf("targets[%d].type", i),
					"its sender asks for messages in a format that this bellbuoy does not have, %q: take another version of one of the two", d.Defaults.Format)})...)
				continue
			}
			senders[t.Type], s.types[t.Type] = sender, d
		}
		found, err := sender.Check(ctx, plugin.Check{Options: t.Options})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("check options of target %s: %w", t.Name, err)
		}
		for _, f := range found {
			fault := c.OptionFault(i, f.Path, f.Message)
			fault.Severity = severity(f)
			faults = append(faults, fault)
		}
		plain = append(plain, plainSecrets(i, t, s.types[t.Type].Secrets)...)
	}
	return senders, plain, faults, nil
}

// plainSecrets warns of what the type of t names as secret and the file has as text.
// secrets are the paths that the type names. A file's path is none: of what may stand in a
// file, some types take the path too.
func plainSecrets(i int, t config.Target, secrets []string) config.Faults {
	var out config.Faults
	var said []string
	for _, path := range secrets {
		for _, o := range named(t.Options, path) {
			if o.value == "" || filepath.IsAbs(o.value) || slices.Contains(t.SecretPaths, o.path) || slices.Contains(said, o.path) {
				continue
			}
			said = append(said, o.path)
			out = append(out, config.Warningf(fmt.Sprintf("targets[%d].options.%s", i, o.path),
				"what may be a secret stands in this file, for all who can read it: if it is one, write {env: NAME} or {file: PATH} instead"))
		}
	}
	return out
}

// Check reads the configuration in files, or [DefaultFile] where none is named, and prints
// each fault and each warning to w as FILE:LINE: path: what, and what to do. The error
// wraps [ErrConfig] where there are faults. It starts nothing and asks no target.
func Check(ctx context.Context, files Files, w io.Writer) error {
	if files.Config == "" && files.Registry == "" {
		files.Config = DefaultFile
	}
	s, faults, err := load(ctx, files, "")
	if err != nil && !errors.Is(err, ErrConfig) {
		return err
	}
	for _, f := range faults {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s", ErrConfig, count(len(faults)-len(faults.Warnings()), "fault", "faults"))
	}
	_, err = fmt.Fprintf(w, "%s: good: %s, %s, %s\n", s.file, count(len(s.config.Registries), "registry", "registries"),
		count(len(s.config.Targets), "target", "targets"), count(len(s.config.Rules), "rule", "rules"))
	return err
}

// ConfigSchema is [config.Schema].
func ConfigSchema() string { return config.Schema() }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
