package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// masked is what is shown of a secret.
const masked = "***"

// maxSecretFile is how much of a secret file is read; a larger file holds something else.
const maxSecretFile = 64 << 10

// Secret is a value that is never shown: however it is printed or encoded, it is
// "***". Only [Secret.Reveal] returns it.
//
// In the file it is {env: NAME}, {file: PATH} or, with a warning, the value itself.
type Secret struct {
	// A pointer, because fmt prints the fields of a struct's unexported fields
	// without asking their methods, but does not follow pointers there.
	value *string
}

// NewSecret makes a secret of value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the secret in clear.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String returns "***".
func (s Secret) String() string { return masked }

// GoString returns "***".
func (s Secret) GoString() string { return masked }

// Format prints "***", whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, masked) }

// MarshalText returns "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON returns "***" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalYAML returns "***".
func (s Secret) MarshalYAML() (any, error) { return masked, nil }

// fromEnv reads a secret from the environment.
func fromEnv(name string) (string, error) {
	value, ok := os.LookupEnv(name)
	switch {
	case name == "":
		return "", fmt.Errorf("names no environment variable: write {env: NAME}")
	case !ok:
		return "", fmt.Errorf("environment variable %s is not set: set it where bellbuoy is started", name)
	case value == "":
		return "", fmt.Errorf("environment variable %s is empty: set it to the secret", name)
	}
	return value, nil
}

// fromFile reads a secret from a file, without the line breaks at its end. A path
// that is not absolute is relative to dir. The warning, if any, is about who else
// can read the file.
func fromFile(dir, path string) (value, warning string, r Read, err error) {
	if path == "" {
		return "", "", r, fmt.Errorf("names no file: write {file: PATH}")
	}
	b, mode, err := readRegular("secret", dir, path, maxSecretFile)
	path = within(dir, path)
	if err != nil {
		return "", "", Read{Path: path}, err
	}
	r = readOf(path, b)
	value = strings.TrimRight(string(b), "\r\n")
	if value == "" {
		return "", "", r, fmt.Errorf("secret file %s is empty: write the secret into it", path)
	}
	if mode&0o004 != 0 {
		warning = fmt.Sprintf("secret file %s can be read by every user of this machine (mode %04o): take that right away with chmod o-r", path, mode)
	}
	return value, warning, r, nil
}

// readRegular reads a file that holds what, of at most size bytes. A path that is not
// absolute is relative to dir.
func readRegular(what, dir, path string, size int) ([]byte, fs.FileMode, error) {
	path = within(dir, path)
	// Looked at before it is opened: to open a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, fmt.Errorf("%s file %s cannot be read: %w: correct the path, or give bellbuoy's user the right to read it", what, path, bare(err))
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s file %s is not a regular file: name the file that holds the %s", what, path, what)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("%s file %s cannot be read: %w: correct the path, or give bellbuoy's user the right to read it", what, path, bare(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(size)+1))
	if err != nil {
		return nil, 0, fmt.Errorf("%s file %s cannot be read: %w", what, path, bare(err))
	}
	if len(b) > size {
		return nil, 0, fmt.Errorf("%s file %s is larger than %d KiB: name the file that holds the %s", what, path, size>>10, what)
	}
	return b, info.Mode().Perm(), nil
}

// bare takes the operation and the path off an error of package os.
func bare(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}
