package config

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// shown is a credential that a registry sends with each request.
type shown struct {
	Auth
	path string // where its file says so
	line int
}

// shows returns all that the registry sends and that can serve as a credential: the
// headers of e, and what is in its URL.
func (e *endpoint) shows(u *url.URL, secret string) []shown {
	var list []shown
	for _, h := range e.headers {
		if a, ok := e.header(h); ok {
			list = append(list, shown{a, h.path, h.line})
		}
	}
	at := e.path + ".url"
	if secret != "" {
		s := NewSecret(secret)
		list = append(list, shown{Auth{Path: &s}, at, e.urlLine})
	}
	named := slices.ContainsFunc(e.headers, func(h header) bool { return strings.EqualFold(h.name, "Authorization") })
	if password, ok := u.User.Password(); ok && !named { // else that header wins
		s := NewSecret(password)
		list = append(list, shown{Auth{Basic: &Basic{User: u.User.Username(), Password: &s}}, at, e.urlLine})
	}
	return list
}

// credentials makes list what registry i of c must show, or sees that the registry
// sends one of those that c asks for.
func (c *Config) credentials(i int, e *endpoint, list []shown) {
	r, at := &c.Registries[i], item("registries", i)+".auth"
	pos, _ := c.locate(at)
	pos.Line = c.lines[dotted(at)]
	if r.Type != "" && r.Type != distributionType {
		typePos, path := c.locate(item("registries", i) + ".type")
		e.fault(e.urlLine, e.path+".url", fmt.Sprintf("posts as %q, which is of type %s by %s in %s: give one of them another name", r.Name, r.Type, path, typePos))
		return
	}
	if pos.Line > 0 {
		if len(r.Auth) > 0 && !slices.ContainsFunc(r.Auth, func(a Auth) bool { return sends(list, a) }) {
			e.fault(e.headersAt(), e.path+".headers", fmt.Sprintf("do not have what auth in %s asks of the registry, so bellbuoy would refuse every notification: write the same secret in both, or remove auth", pos))
		}
		return
	}
	r.All = len(list) > 1
	for j, s := range list {
		r.Auth = append(r.Auth, s.Auth)
		path := item(at, j)
		c.wrote(e, path, s.path, s.line)
	}
	if list == nil {
		if e.faults.Failed() {
			return // they were perhaps meant to be sent
		}
		c.wrote(e, at, e.path+".headers", e.headersAt())
		if reachable(c.Listen) {
			e.fault(e.headersAt(), e.path+".headers", fmt.Sprintf("are missing, and listen (%s) can be reached from outside: add what proves that it is the registry, such as {Authorization: [Bearer SECRET]}", c.Listen))
		}
	}
}

// headersAt is the line of e's headers, or else of e.
func (e *endpoint) headersAt() int {
	if e.headersLine > 0 {
		return e.headersLine
	}
	return e.Pos.Line
}

// sends reports whether a is in list.
func sends(list []shown, a Auth) bool {
	equal := func(a, b *Secret) bool { return a.Reveal() == b.Reveal() }
	return slices.ContainsFunc(list, func(s shown) bool {
		switch {
		case a.Bearer != nil:
			return s.Bearer != nil && equal(a.Bearer, s.Bearer)
		case a.Basic != nil:
			return s.Basic != nil && a.Basic.User == s.Basic.User && equal(a.Basic.Password, s.Basic.Password)
		case a.Header != nil:
			return s.Header != nil && strings.EqualFold(a.Header.Name, s.Header.Name) && equal(a.Header.Value, s.Header.Value)
		case a.Path != nil:
			return s.Path != nil && equal(a.Path, s.Path)
		}
		return false // a certificate, which the registry cannot show
	})
}

// refused are headers for which bellbuoy refuses a request, or cannot read it.
var refused = []string{"content-encoding", "origin", "sec-fetch-site"}

// common are headers that say something of the request and nothing of who sends it.
var common = []string{"accept", "connection", "content-length", "content-type", "host", "user-agent"}

// header makes a credential of a header.
func (e *endpoint) header(h header) (Auth, bool) {
	name := strings.ToLower(h.name)
	switch {
	case slices.Contains(refused, name):
		e.fault(h.line, h.path, "is a header with which bellbuoy does not take a notification: remove it")
		return Auth{}, false
	case slices.Contains(common, name):
		return Auth{}, false
	case len(h.values) == 0:
		if !e.faults.Failed() {
			e.fault(h.line, h.path, "has no value, so the registry does not send it: give it one, or remove it")
		}
		return Auth{}, false
	case len(h.values) > 1:
		e.fault(h.line, h.path, fmt.Sprintf("has %d values, and the registry sends all of them: keep the one that bellbuoy is to ask for", len(h.values)))
		return Auth{}, false
	}
	return e.credential(h, h.values[0].Reveal())
}

// credential makes a credential of header h with value.
func (e *endpoint) credential(h header, value string) (Auth, bool) {
	bad := func(message string) (Auth, bool) {
		e.fault(h.line, h.path, message)
		return Auth{}, false
	}
	if value == "" {
		return bad("is empty: give it a value, or remove it")
	}
	secret := NewSecret(value)
	if !strings.EqualFold(h.name, "Authorization") {
		return Auth{Header: &Header{Name: h.name, Value: &secret}}, true
	}
	scheme, rest, _ := strings.Cut(value, " ")
	switch rest = strings.TrimLeft(rest, " "); {
	case strings.EqualFold(scheme, "Bearer") && rest != "":
		secret = NewSecret(rest)
		return Auth{Bearer: &secret}, true
	case strings.EqualFold(scheme, "Basic"):
		b, err := base64.StdEncoding.DecodeString(rest)
		user, password, ok := strings.Cut(string(b), ":")
		if err != nil || !ok {
			return bad("begins with Basic, and what follows is not USER:PASSWORD in base64: write what `bellbuoy connect distribution` prints")
		}
		secret = NewSecret(password)
		return Auth{Basic: &Basic{User: user, Password: &secret}}, true
	}
	return Auth{Header: &Header{Name: "Authorization", Value: &secret}}, true
}
