package intake

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Credential is one way in which a registry proves who it is. Printed, it shows no
// secret.
type Credential struct {
	// scheme is the one that an answer of 401 may name; "" where HTTP has none.
	scheme string
	// proves reports whether a request shows it; inPath is the secret of its path.
	proves func(r *http.Request, inPath string) bool
	// reveals reports whether the value of a header holds the secret, or a part of a
	// request that was made from it.
	reveals func(value string) bool
}

// Bearer is Authorization: Bearer SECRET.
//
// A registry appends the headers of its configuration to those that its client sets
// itself, so that there may be several of one name. This holds for all credentials.
func Bearer(secret string) Credential {
	is := equals(secret)
	return Credential{
		scheme: "Bearer",
		proves: func(r *http.Request, _ string) bool {
			return slices.ContainsFunc(r.Header["Authorization"], func(v string) bool {
				secret, ok := ofScheme("Bearer", v)
				return ok && is(secret)
			})
		},
		reveals: holds(secret),
	}
}

// Basic is the user and password of HTTP's basic authentication, in UTF-8.
func Basic(user, password string) Credential {
	both := user + ":" + password
	is := equals(both)
	return Credential{
		scheme: "Basic",
		proves: func(r *http.Request, _ string) bool {
			return slices.ContainsFunc(r.Header["Authorization"], func(v string) bool {
				encoded, ok := ofScheme("Basic", v)
				if !ok {
					return false
				}
				shown, err := base64.StdEncoding.DecodeString(encoded)
				return err == nil && is(string(shown))
			})
		},
		reveals: holds(password, base64.StdEncoding.EncodeToString([]byte(both))),
	}
}

// Header is a header whose whole value is the secret.
func Header(name, secret string) Credential {
	name = http.CanonicalHeaderKey(name)
	is := equals(secret)
	return Credential{
		proves:  func(r *http.Request, _ string) bool { return slices.ContainsFunc(r.Header[name], is) },
		reveals: holds(secret),
	}
}

// PathSecret is a secret in the path, for registries that can send nothing else.
func PathSecret(secret string) Credential {
	is := equals(secret)
	return Credential{
		proves:  func(_ *http.Request, inPath string) bool { return inPath != "" && is(inPath) },
		reveals: holds(secret),
	}
}

// ClientCA is a certificate that one of roots signed, or that is one of roots itself;
// revocation lists are not asked. One made for servers will do, since a registry such as
// Quay shows the certificate with which it serves.
func ClientCA(roots *x509.CertPool) Credential {
	return Credential{
		proves: func(r *http.Request, _ string) bool {
			if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
				return false
			}
			shown := r.TLS.PeerCertificates
			between := x509.NewCertPool()
			for _, c := range shown[1:] {
				between.AddCert(c)
			}
			_, err := shown[0].Verify(x509.VerifyOptions{
				Roots:         roots,
				Intermediates: between,
				KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
			})
			return err == nil
		},
		reveals: func(string) bool { return false },
	}
}

// equals returns a comparison with secret that takes a time which depends on neither.
func equals(secret string) func(string) bool {
	hash := sha256.Sum256([]byte(secret))
	return func(s string) bool {
		other := sha256.Sum256([]byte(s))
		return subtle.ConstantTimeCompare(hash[:], other[:]) == 1
	}
}

// holds returns a search for any of secrets in a text, plain or as URLs write it.
func holds(secrets ...string) func(string) bool {
	return func(text string) bool {
		in := func(s string) bool { return strings.Contains(text, s) }
		if slices.ContainsFunc(secrets, in) {
			return true
		}
		if !strings.Contains(text, "%") {
			return false
		}
		plain, err := url.PathUnescape(text)
		if err != nil {
			return true // nobody knows what it says
		}
		text = plain
		return slices.ContainsFunc(secrets, in)
	}
}

// ofScheme returns what follows scheme in the value of an Authorization header.
func ofScheme(scheme, value string) (string, bool) {
	s, rest, _ := strings.Cut(value, " ")
	return strings.TrimLeft(rest, " "), strings.EqualFold(s, scheme)
}

// admits reports whether r shows one of the registry's credentials, or it has none.
func (reg Registry) admits(r *http.Request, inPath string) bool {
	admitted := len(reg.Auth) == 0
	for _, c := range reg.Auth { // all of them, so that time does not tell which
		admitted = c.proves(r, inPath) || admitted
	}
	return admitted
}

// challenge tells w the schemes that the registry takes. An answer of 401 must name
// one, though there is none for secrets in a path, say.
func (reg Registry) challenge(w http.ResponseWriter) {
	var schemes []string
	for _, c := range reg.Auth {
		if c.scheme != "" && !slices.Contains(schemes, c.scheme) {
			schemes = append(schemes, c.scheme)
		}
	}
	if schemes == nil {
		schemes = []string{"Bearer"}
	}
	for _, s := range schemes {
		w.Header().Add("WWW-Authenticate", s+` realm="bellbuoy"`)
	}
}

// publicHeaders returns those of h that may be stored and shown: none that is made to
// carry credentials, and none that holds a secret of the registry. Proxies repeat the
// URL in headers of their own, and others the Authorization header.
func (reg Registry) publicHeaders(h http.Header) map[string]string {
	public := make(map[string]string, len(h))
	for name, values := range h {
		switch name {
		case "Authorization", "Proxy-Authorization", "Cookie":
			continue
		}
		value := strings.Join(values, ", ")
		if !slices.ContainsFunc(reg.Auth, func(c Credential) bool { return c.reveals(value) }) {
			public[name] = value
		}
	}
	return public
}
