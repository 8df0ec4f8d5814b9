package config

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// lookup checks how a registry is to be asked.
func (k *checker) lookup(path string, r Registry) {
	if r.URL != "" {
		k.registryURL(path, r)
	}
	if c := r.Credentials; c != nil && r.URL == "" {
		k.fault(path+".credentials", "are for asking the registry, and it has no url: add url, or remove them")
	} else if c != nil && strings.Contains(c.Username, ":") {
		k.fault(path+".credentials.username", `%q has a colon, which ends a user name: correct it`, c.Username)
	}
	if !r.Lookup {
		return
	}
	types := k.known.LookupTypes
	if types != nil && slices.Contains(k.known.RegistryTypes, r.Type) && !slices.Contains(types, r.Type) {
		k.fault(path+".lookup", "a registry of type %q cannot be asked, only one of type %s: remove lookup", r.Type, strings.Join(types, " or "))
	}
	if r.URL == "" {
		k.fault(path+".url", "is missing, and lookup asks the registry: add where it is, such as http://registry:5000")
	}
}

func (k *checker) registryURL(path string, r Registry) {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		k.fault(path+".url", "is no address of a registry: write http://HOST:PORT or https://HOST")
	case u.User != nil:
		k.fault(path+".url", "has credentials in it: write them as credentials: {username: NAME, password: {file: PATH}}")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		k.fault(path+".url", "%q has more than a host and a port: registries answer at the root only", r.URL)
	case u.Scheme == "http" && r.Credentials != nil && !loopback(net.JoinHostPort(u.Hostname(), "80")):
		k.faults = append(k.faults, Warningf(path+".credentials", "go over http, for all on the way to read: use https where the registry has it"))
	}
}
