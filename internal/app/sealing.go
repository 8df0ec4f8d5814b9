package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// keySuffix is what the file of the key is called behind the store's own name.
const keySuffix = ".key"

// keyFile is the file beside the store that has the key which seals secrets where the
// configuration names none; "" where the store is in no file.
func keyFile(store string) string {
	if strings.Contains(store, "://") {
		return ""
	}
	return store + keySuffix
}

// sealing are the keys that seal and open secrets under a configuration: the one that it
// names, those that were it before, and the one in the file beside the store, where there is
// that file. An error says that the file cannot be used; then the others are returned.
func sealing(c *config.Config) (objects.Keys, error) {
	var list [][]byte
	add := func(s *config.Secret) {
		if s == nil {
			return
		}
		if key, ok := s.Bytes(); ok { // which was checked
			list = append(list, key)
		}
	}
	add(c.Secrets.Key)
	for _, old := range c.Secrets.Old {
		if c.Secrets.Key != nil {
			add(old)
		}
	}
	key, err := readKey(keyFile(c.Store))
	if key != nil {
		list = append(list, key)
	}
	if c.Secrets.Key == nil {
		for _, old := range c.Secrets.Old { // behind the one that seals
			add(old)
		}
		if key == nil && len(list) > 0 { // none of them seals
			keys, other := objects.NewKeys(list...)
			return keys.OnlyOpen(), errors.Join(err, other)
		}
	}
	keys, other := objects.NewKeys(list...)
	return keys, errors.Join(err, other)
}

// readKey reads a key's file; nil where there is none.
func readKey(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the key's file cannot be read: %w", err)
	}
	defer f.Close()
	const most = 1 << 10
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("the key's file %s cannot be read: %w", file, err)
	}
	secret := config.NewSecret(string(b))
	key, ok := secret.Bytes()
	if !ok {
		return nil, fmt.Errorf("the key's file %s holds no key: put back the one that was there, or remove the file to have another made", file)
	}
	return key, nil
}

// makeKey makes the key's file, which must not be there, and returns the key. When it
// returns, the file is on disk.
func makeKey(file string) (key []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make a key for secrets: %w", err)
		}
	}()
	key = objects.NewKey()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(file)) // half a key is none
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	return key, errors.Join(dir.Sync(), dir.Close())
}
