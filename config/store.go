package config

import (
	"net/url"
	"strings"
)

// checkStore finds what is wrong with where the store is to be.
func (k *checker) checkStore() {
	scheme, _, is := strings.Cut(k.Store, "://")
	switch {
	case !is:
		return
	case scheme != "postgres" && scheme != "postgresql":
		k.fault("store", "%s:// is not a store that there is: write the path of a file, such as ./bellbuoy.db, or the URL of a PostgreSQL database, such as postgres://bellbuoy@db.example.com/bellbuoy", scheme)
		return
	}
	u, err := url.Parse(k.Store)
	if err != nil { // its error has all of it, with the password
		k.fault("store", "is no URL: write postgres://USER@HOST/DATABASE, with %%XX for characters that have a meaning in a URL")
		return
	}
	if strings.Trim(u.Path, "/") == "" {
		k.fault("store", "names no database: write postgres://USER@HOST/DATABASE")
	}
	if _, secret := u.User.Password(); secret || u.Query().Has("password") {
		k.faults = append(k.faults, Warningf("store", "the password stands in this file, for all who can read it: leave it out, and set PGPASSWORD or PGPASSFILE in bellbuoy's environment"))
	}
}

// ShownStore is the store as people may see it: without a password.
func (c *Config) ShownStore() string {
	if !strings.Contains(c.Store, "://") {
		return c.Store
	}
	u, err := url.Parse(c.Store)
	if err != nil {
		return "another one"
	}
	q := u.Query()
	for _, key := range []string{"password", "sslpassword"} {
		if q.Has(key) {
			q.Set(key, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}
