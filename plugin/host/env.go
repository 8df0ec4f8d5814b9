package host

import (
	"os"
	"strings"
)

// environ is all that a sender sees of the host's environment: where programs,
// temporary files, time zones and certificates are, and how to get out. Secrets
// reach a sender with each delivery and by no other way.
func environ() []string {
	var env []string
	for _, name := range []string{"PATH", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		for _, key := range []string{name, strings.ToLower(name)} {
			if key != name && !strings.HasSuffix(name, "_PROXY") {
				continue // only these are known in lower case
			}
			if value, ok := os.LookupEnv(key); ok {
				env = append(env, key+"="+value)
			}
		}
	}
	return env
}
