package connect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"gopkg.in/yaml.v3"
)

// maxRegistryFile is how much of a registry's file is read.
const maxRegistryFile = 4 << 20

// restart is what there is to do once the file is right.
const restart = "restart the registry, which reads the file at its start only"

// RegistryFile makes the endpoint in a Distribution registry's config.yml as it should be,
// or takes it away, line by line: all others stay as they are, byte for byte. Where that
// cannot be done safely the file stays as it is, and the row says why. The file that is
// replaced keeps its mode and owner, and what it was lies beside it. Secrets of o are
// written; the row has none, unless o shows secrets.
func RegistryFile(o Options, m Make, file string, dry bool, now time.Time) (Row, error) {
	if err := checkURL(o.URL); err != nil {
		return Row{}, err
	}
	want, err := o.endpoint(m.name())
	if err != nil {
		return Row{}, err
	}
	row := Row{Place: file, What: want.name, DryRun: dry}
	if err := editFile(&row, o, want, m.Remove, dry, now); err != nil {
		row.Action, row.Changes, row.Note, row.Error = Failed, nil, "", err.Error()
		row.ByHand = errors.Is(err, errByHand)
	}
	return row, nil
}

func editFile(row *Row, o Options, want endpointWant, remove, dry bool, now time.Time) error {
	path, err := filepath.EvalSymlinks(row.Place) // the file itself is replaced, and no link to it
	if err != nil {
		return fmt.Errorf("find the registry's file: %w", err)
	}
	old, info, err := readFile(path)
	if err != nil {
		return err
	}
	t, err := readRegistryText(string(old))
	if err != nil {
		return err
	}
	var edits []edit
	if remove {
		edits, err = t.remove(want.name)
		row.Action = Removed
		if len(edits) == 0 {
			row.Action = Absent
		}
	} else {
		edits, row.Changes, err = t.plan(want)
		row.Action = t.action(want.name, edits)
	}
	if err != nil {
		return err
	}
	if len(edits) == 0 {
		return nil
	}
	text := apply(t.lines, edits)
	if err := t.proved(string(old), text, want, remove); err != nil {
		return err
	}
	if dry {
		row.Diff = diff(row.Place, t.lines, edits)
		if !o.ShowSecrets {
			row.Diff = mask(row.Diff, append(o.secrets(), secretsOf(t.root)...))
		}
		return nil
	}
	if row.Backup, err = replaceFile(path, info, old, []byte(text), now); err != nil {
		return err
	}
	row.Note = restart
	return nil
}

// action is what edits are to the endpoint called name.
func (t *registryText) action(name string, edits []edit) Action {
	_, notifications := find(t.root, "notifications")
	_, endpoints := find(notifications, "endpoints")
	item := (*yaml.Node)(nil)
	if endpoints != nil {
		item, _ = ours(endpoints, name)
	}
	switch {
	case len(edits) == 0:
		return Unchanged
	case item == nil:
		return Made
	}
	return Changed
}

// proved reads text, and sees that it is what it was to become and nothing else.
func (t *registryText) proved(old, text string, want endpointWant, remove bool) error {
	if err := verify(old, text, want.name); err != nil {
		return err
	}
	var left []edit
	if again, err := readRegistryText(text); err != nil && strings.TrimSpace(text) != "" {
		return byHand("its lines cannot be told apart safely")
	} else if err != nil {
		return nil // nothing but the endpoint was there
	} else if remove {
		left, err = again.remove(want.name)
		if err != nil || len(left) > 0 {
			return byHand("its lines cannot be told apart safely")
		}
	} else if left, _, err = again.plan(want); err != nil || len(left) > 0 {
		return byHand("its lines cannot be told apart safely")
	}
	return nil
}

func readFile(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the registry's file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file: name the registry's config.yml", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the registry's file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRegistryFile+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read the registry's file: %w", err)
	case len(b) > maxRegistryFile:
		return nil, nil, fmt.Errorf("%s is larger than %d MiB: name the registry's config.yml", path, maxRegistryFile>>20)
	case len(bytes.TrimSpace(b)) == 0:
		return nil, nil, fmt.Errorf("%s is empty: name the registry's config.yml", path)
	}
	return b, info, nil
}

// replaceFile puts text into the place of the file at path, which held old, at once: who
// reads it finds the one or the other. It returns the name of a copy of old.
func replaceFile(path string, info fs.FileInfo, old, text []byte, now time.Time) (backup string, err error) {
	copied, err := createNew(path + ".before-" + now.UTC().Format("20060102T150405Z"))
	if err != nil {
		return "", fmt.Errorf("keep a copy of the registry's file: %w", err)
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".bellbuoy-*")
	if err != nil {
		return "", errors.Join(fmt.Errorf("write the registry's file: %w", err), copied.Close(), remove(copied.Name()))
	}
	defer func() {
		if err != nil {
			backup, err = "", errors.Join(err, remove(fresh.Name()), remove(copied.Name()))
		}
	}()
	if err := errors.Join(fill(copied, info, old), fill(fresh, info, text)); err != nil {
		return "", fmt.Errorf("write beside the registry's file: %w", err)
	}
	if is, _, err := readFile(path); err != nil || !bytes.Equal(is, old) {
		return "", errors.New("the registry's file was changed meanwhile: try again")
	}
	if err := os.Rename(fresh.Name(), path); errors.Is(err, syscall.EBUSY) {
		return "", fmt.Errorf("%s is mounted by itself and cannot be replaced: run this where the file really is", path)
	} else if err != nil {
		return "", fmt.Errorf("replace the registry's file: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // else only a crash of the machine could undo it
		_ = dir.Sync()
		_ = dir.Close()
	}
	return copied.Name(), nil
}

// createNew creates a file of that name, or one with a number where that is taken.
func createNew(name string) (*os.File, error) {
	for i := 1; ; i++ {
		as := name
		if i > 1 {
			as = fmt.Sprintf("%s-%d", name, i)
		}
		f, err := os.OpenFile(as, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil || !errors.Is(err, fs.ErrExist) || i == 100 {
			return f, err
		}
	}
}

func remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// fill writes a new file, gives it the mode and the owner that info says, and closes it.
func fill(f *os.File, info fs.FileInfo, text []byte) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := own(f, info); err != nil {
		return fmt.Errorf("give it the owner of the old one: %w", err)
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	return f.Sync()
}

// secretKey is what keys are called that hold something secret, in a registry's file.
var secretKey = regexp.MustCompile(`(?i)secret|password|passwd|token|key|auth|credential|headers|dsn`)

// secretInURL finds the password in a URL, and the secret in the path of one of bellbuoy's.
var secretInURL = regexp.MustCompile(`^[a-z0-9+]+://(?:[^/@]*:([^/@]+)@.*|.*/-/([^/]+).*)`)

// secretsOf are the values in a file that are perhaps secret.
func secretsOf(n *yaml.Node) (list []string) {
	var all func(n *yaml.Node)
	all = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			list = append(list, n.Value)
		}
		for i, c := range n.Content {
			if n.Kind == yaml.SequenceNode || i%2 == 1 {
				all(c)
			}
		}
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if m := secretInURL.FindStringSubmatch(n.Value); m != nil {
			list = append(list, m[1]+m[2])
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if secretKey.MatchString(n.Content[i].Value) {
				all(n.Content[i+1])
				continue
			}
			list = append(list, secretsOf(n.Content[i+1])...)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			list = append(list, secretsOf(c)...)
		}
	}
	return list
}

// mask takes the secrets out of a text, line by line.
func mask(text string, secrets []string) string {
	for _, s := range secrets {
		for l := range strings.Lines(s) {
			l = strings.TrimSpace(l)
			if len(l) < 4 || l == "true" || l == "false" {
				continue
			}
			text = strings.ReplaceAll(text, l, "***")
			quoted := yamlText(l)
			text = strings.ReplaceAll(text, strings.Trim(quoted, `"`), "***")
		}
	}
	return text
}
