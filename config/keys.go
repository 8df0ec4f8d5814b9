package config

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// Secrets says how the secrets are sealed of what people make through the API.
type Secrets struct {
	// Key seals them: 32 random bytes in base64. Left out, it is in a file beside the store,
	// which bellbuoy makes when it first needs it; a store in PostgreSQL has no such file.
	Key *Secret `yaml:"key" jsonschema:"example={file: /run/secrets/bellbuoy-key}"`
	// Old are keys that were used before. What they sealed can be opened, and is sealed with
	// key when it is next changed.
	Old []*Secret `yaml:"old" jsonschema:"example=[{file: /run/secrets/bellbuoy-key-2025}]"`
}

// Egress says where targets may be that people make through the API. Targets of this file
// may be anywhere.
type Egress struct {
	// Allow are networks beside the public ones. Link-local addresses and the metadata
	// services of clouds stay refused.
	Allow []string `yaml:"allow" jsonschema:"example=[10.0.0.0/8]"`
}

// keySize is how many bytes a key has.
const keySize = 32

// Bytes returns the key that s holds.
func (s *Secret) Bytes() ([]byte, bool) {
	text := strings.TrimRight(strings.TrimSpace(s.Reveal()), "=")
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(text); err == nil && len(b) == keySize {
			return b, true
		}
	}
	return nil, false
}

// Networks are those of Allow.
func (e Egress) Networks() []netip.Prefix {
	var list []netip.Prefix
	for _, s := range e.Allow {
		if p, err := netip.ParsePrefix(s); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// checkSecrets finds keys that are none.
func (k *checker) checkSecrets() {
	const none = `is no key: write 32 random bytes in base64, as "openssl rand -base64 32" makes them`
	if key := k.Secrets.Key; key != nil {
		if _, ok := key.Bytes(); !ok {
			k.fault("secrets.key", none)
		}
	}
	for i, key := range k.Secrets.Old {
		if key == nil {
			continue // said already
		}
		if _, ok := key.Bytes(); !ok {
			k.fault(item("secrets.old", i), none)
		}
	}
}

// checkEgress finds networks that are none.
func (k *checker) checkEgress() {
	for i, s := range k.Egress.Allow {
		at := item("egress.allow", i)
		p, err := netip.ParsePrefix(s)
		if s == "" {
			continue // said already
		}
		if a, single := netip.ParseAddr(s); err != nil && single == nil {
			k.fault(at, "%q is an address and no network: write %s/%d", s, a, a.BitLen())
			continue
		}
		switch {
		case err != nil:
			k.fault(at, "%q is no network: write ADDRESS/BITS, such as 10.0.0.0/8", s)
		case p != p.Masked():
			k.fault(at, "%q has bits of an address behind those of the network: write %s", s, p.Masked())
		}
	}
}
