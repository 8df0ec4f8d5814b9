package config

// KeepFixed gives c those settings of running that cannot change while bellbuoy runs:
// where it listens, the names of the certificate's files, and where the store is. It
// returns a warning for each that c has otherwise, and an error for each registry that
// shows nothing, which is good where c would listen and is not where bellbuoy does.
func (c *Config) KeepFixed(running *Config) Faults {
	var fs Faults
	keep := func(path string, same bool, stays string) {
		if !same {
			fs = append(fs, Warningf(path, "takes effect at the next start; until then it stays %s", stays))
		}
	}
	keep("listen", c.Listen == running.Listen, running.Listen)
	keep("admin.listen", c.Admin.Listen == running.Admin.Listen, running.Admin.Listen)
	keep("store", c.Store == running.Store, running.ShownStore())
	keepTLS := func(path string, a, b *TLS) {
		switch {
		case a == nil && b == nil:
		case b == nil:
			keep(path, false, "off")
		default:
			keep(path, a != nil && *a == *b, "with the certificate "+string(b.Cert))
		}
	}
	keepTLS("tls", c.TLS, running.TLS)
	keepTLS("admin.tls", c.Admin.TLS, running.Admin.TLS)
	if reachable(running.Listen) && !reachable(c.Listen) {
		for i, r := range c.Registries {
			if len(r.Auth) == 0 {
				fs = append(fs, Faultf(item("registries", i)+".auth", "is missing, and until the next start bellbuoy listens on %s, which can be reached from outside: add what the registry must show, or start anew", running.Listen))
			}
		}
	}
	c.Listen, c.Store, c.TLS = running.Listen, running.Store, running.TLS
	c.Admin.Listen, c.Admin.TLS = running.Admin.Listen, running.Admin.TLS
	return c.Locate(fs)
}
