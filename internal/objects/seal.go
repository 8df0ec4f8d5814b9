package objects

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// KeySize is how many bytes a key has.
const KeySize = 32

// Errors of [Keys].
var (
	// ErrNoKey: there is nothing to seal secrets with.
	ErrNoKey = errors.New("there is no key to seal secrets with")
	// ErrSealed: what was sealed cannot be opened, by any of the keys that there are.
	ErrSealed = errors.New("its secrets cannot be opened")
)

// Keys seal secrets with the first of them, and open what any of them has sealed. Each has
// [KeySize] random bytes. Printed, they show how many there are.
type Keys struct {
	list  []cipher.AEAD
	opens bool // and no more
}

// NewKeys makes them of keys, the one to seal with first; of none, nothing can be sealed.
func NewKeys(keys ...[]byte) (Keys, error) {
	var k Keys
	for _, key := range keys {
		if len(key) != KeySize {
			return Keys{}, fmt.Errorf("a key has %d bytes, not %d", KeySize, len(key))
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return Keys{}, fmt.Errorf("make a cipher of a key: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return Keys{}, fmt.Errorf("make a cipher of a key: %w", err)
		}
		k.list = append(k.list, aead)
	}
	return k, nil
}

// Format prints how many keys there are, whatever the verb.
func (k Keys) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%d keys", len(k.list)) }

// Empty reports whether there are none.
func (k Keys) Empty() bool { return len(k.list) == 0 }

// Seals reports whether something can be sealed.
func (k Keys) Seals() bool { return len(k.list) > 0 && !k.opens }

// OnlyOpen returns keys that seal nothing.
func (k Keys) OnlyOpen() Keys { return Keys{k.list, true} }

// And returns k with others that open too.
func (k Keys) And(others Keys) Keys {
	return Keys{append(k.list[:len(k.list):len(k.list)], others.list...), k.opens}
}

// sealVersion is the first byte of what is sealed.
const sealVersion = 1

// Seal encrypts secrets, the values at JSON pointers into body, where they are masked. They
// can be opened again for the same object only, and beside the same body: where the address
// is another to which a secret goes, the secret is not to be had.
func (k Keys) Seal(kind Kind, name string, body []byte, secrets map[string]string) ([]byte, error) {
	if !k.Seals() {
		return nil, ErrNoKey
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return nil, fmt.Errorf("encode secrets: %w", err)
	}
	return append([]byte{sealVersion}, k.list[0].Seal(nil, nil, plain, about(kind, name, body))...), nil
}

// Open decrypts what [Keys.Seal] made. The error is [ErrSealed] whatever the reason: another
// key, another object, or a byte that was changed.
func (k Keys) Open(kind Kind, name string, body, sealed []byte) (map[string]string, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	for _, aead := range k.list {
		plain, err := aead.Open(nil, nil, sealed[1:], about(kind, name, body))
		if err != nil {
			continue
		}
		var secrets map[string]string
		if err := json.Unmarshal(plain, &secrets); err != nil {
			return nil, ErrSealed // the error would quote them
		}
		return secrets, nil
	}
	return nil, ErrSealed
}

// about is what sealed secrets are bound to.
func about(kind Kind, name string, body []byte) []byte {
	sum := sha256.Sum256(body)
	return fmt.Appendf(nil, "bellbuoy object %q %q %x", string(kind), name, sum)
}

// NewKey makes a key.
func NewKey() []byte {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // it does not fail: it ends the program where the system has none
	return key
}
