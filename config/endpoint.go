package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// distributionType is the type of the registries whose files are read here.
const distributionType = "distribution"

// intakePath is what every URL begins with that a registry posts to.
const intakePath = "/in/"

// endpoint takes over what the registry's file says of the endpoint called name: where
// to listen, the registry's name, and what it must show. What c says of these already
// must be the same. Of the other endpoints it says what is wrong with them too, as
// warnings.
func (c *Config) endpoint(f *registryFile, name string) Faults {
	var faults Faults
	var ours []*endpoint
	var names []string
	wanted := name
	if wanted == "" {
		wanted = DefaultEndpoint
	}
	for i := range f.endpoints {
		e := &f.endpoints[i]
		if e.Name == wanted {
			ours = append(ours, e)
			continue
		}
		if e.Name == "" {
			e.warn(e.Pos.Line, e.path+".name", "is missing: in its log and metrics the registry has no name for it")
		} else if slices.Contains(names, e.Name) {
			e.warn(e.Pos.Line, e.path+".name", fmt.Sprintf("%q is the name of an endpoint above too: in its log and metrics the registry cannot tell them apart", e.Name))
		}
		names = append(names, e.Name)
		for _, fault := range e.faults {
			fault.Severity = max(fault.Severity, Warning)
			faults = append(faults, fault)
		}
	}
	switch {
	case len(ours) == 0:
		if f.faults.Failed() && len(f.endpoints) == 0 {
			return faults // said already
		}
		return append(faults, nobody(f, name, wanted, slices.DeleteFunc(names, func(n string) bool { return n == "" })))
	case len(ours) > 1:
		faults = append(faults, Fault{Pos: ours[1].Pos, Path: ours[1].path + ".name",
			Message: fmt.Sprintf("%q is the name of the endpoint in line %d too, so which of them is bellbuoy's is not known: give one of them another", wanted, ours[0].Pos.Line)})
	}
	e := ours[0]
	e.IncludeReferences = f.references
	c.take(e)
	if e.disabled {
		e.warn(e.disabledLine, e.path+".disabled", "is true, so the registry posts nothing: set it to false when bellbuoy is to hear of events")
	}
	if !f.deletes {
		e.faults = append(e.faults, Fault{Severity: Note, Pos: Pos{File: f.file, Line: f.lines["storage"]}, Path: "storage.delete.enabled",
			Message: "is not true, so the registry refuses every delete, and there is none to tell of"})
	}
	return append(faults, e.faults...)
}

// nobody says that no endpoint is called wanted.
func nobody(f *registryFile, name, wanted string, names []string) Fault {
	fault := Fault{Pos: Pos{f.file, f.lines["notifications.endpoints"]}, Path: "notifications.endpoints"}
	switch {
	case len(names) == 0:
		fault.Message = fmt.Sprintf("none is named %q: %s", wanted, howToConnect)
	case name == "":
		fault.Message = fmt.Sprintf("none is named %q: %s, or name the one that posts to bellbuoy with --endpoint; %s", wanted, howToConnect, Suggest(wanted, names))
	default:
		fault.Message = fmt.Sprintf("none is named %q: %s", wanted, Suggest(wanted, names))
	}
	return fault
}

func (e *endpoint) fault(line int, path, message string) {
	e.faults = append(e.faults, Fault{Pos: Pos{e.Pos.File, line}, Path: path, Message: message})
}

func (e *endpoint) warn(line int, path, message string) {
	e.faults = append(e.faults, Fault{Severity: Warning, Pos: Pos{e.Pos.File, line}, Path: path, Message: message})
}

// take makes e the endpoint of c.
func (c *Config) take(e *endpoint) {
	c.Endpoint = &e.Endpoint
	u, name, secret := e.readURL()
	if u == nil {
		return
	}
	e.Registry = name
	c.listen(e, u)
	i := slices.IndexFunc(c.Registries, func(r Registry) bool { return r.Name == name })
	if i < 0 {
		i = len(c.Registries)
		c.Registries = append(c.Registries, Registry{Name: name, Type: distributionType, Pos: e.Pos})
		at := item("registries", i)
		c.wrote(e, at, e.path, e.Pos.Line)
		c.wrote(e, at+".name", e.path+".url", e.urlLine)
	}
	c.credentials(i, e, e.shows(u, secret))
}

// wrote notes that path is what e says at its own path at, in that line.
func (c *Config) wrote(e *endpoint, path, at string, line int) {
	c.lines[dotted(path)] = line
	c.written[dotted(path)] = place{file: e.Pos.File, path: at, whole: true}
}

// readURL reads where e posts to: the URL, the registry's name and the secret in it. The
// URL is nil where bellbuoy would never hear of a request to it. No fault quotes it, for
// it may hold a secret.
func (e *endpoint) readURL() (u *url.URL, name, secret string) {
	path := e.path + ".url"
	const such = "http://127.0.0.1:5080/in/hub"
	bad := func(format string, args ...any) (*url.URL, string, string) {
		e.fault(e.urlLine, path, fmt.Sprintf(format, args...))
		return nil, "", ""
	}
	if e.url == "" {
		if e.urlLine == 0 {
			e.urlLine = e.Pos.Line
		}
		if e.faults.Failed() {
			return nil, "", "" // it was perhaps meant to be there
		}
		return bad("is missing, and the registry starts all the same: add it, such as %s", such)
	}
	u, err := url.Parse(e.url)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return bad("is no URL, and the registry starts all the same: write one such as %s", such)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return bad("begins with %s://, which the registry cannot post to: write http:// or https://", u.Scheme)
	}
	if port := u.Port(); port == "0" || port == "" && strings.HasSuffix(u.Host, ":") {
		return bad("has no port that can be posted to: write one, such as %s", such)
	}
	if strings.Trim(u.Path, "/") == "" {
		return bad("has no path: write %s, with the name that bellbuoy is to have for the registry behind /in/", such)
	}
	rest, ok := strings.CutPrefix(u.Path, intakePath)
	if !ok {
		return bad("is not bellbuoy's, which takes notifications below /in/ only: write one such as %s, or name another endpoint with --endpoint", such)
	}
	rest, slash := strings.CutSuffix(rest, "/")
	name, rest, more := strings.Cut(rest, "/")
	if !nameRegexp.MatchString(name) {
		return bad(`has %q behind /in/, which is no name of a registry: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`, name)
	}
	if secret, ok = strings.CutPrefix(rest, "-/"); more && (!ok || secret == "" || strings.Contains(secret, "/")) {
		return bad("goes on behind the registry's name, where bellbuoy finds nothing: end it with /in/%s", name)
	}
	if slash {
		e.warn(e.urlLine, path, "ends with a slash: remove it, since what stands between may answer with a redirect, and the registry follows that without the body and takes it for success")
	}
	return u, name, secret
}

// listen finds out where to listen for e.
func (c *Config) listen(e *endpoint, u *url.URL) {
	path := e.path + ".url"
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	own, given := c.lines["listen"]
	encrypted := u.Scheme == "https"
	if !encrypted && c.TLS != nil {
		e.fault(e.urlLine, path, "is http, and bellbuoy's listener has a certificate and takes https only: write https")
		return
	}
	if !given {
		if encrypted && c.TLS == nil {
			e.fault(e.urlLine, path, "is https, and bellbuoy has no certificate: write http, add tls, or, where something before bellbuoy takes the TLS away, say with listen where that posts to")
			return
		}
		c.Listen = net.JoinHostPort(listenHost(u.Hostname()), port)
		c.wrote(e, "listen", path, e.urlLine)
		return
	}
	ownPos, _ := c.locate("listen")
	ownPos.Line = own
	_, ownPort, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil: // said already
	case encrypted && c.TLS == nil:
		e.warn(e.urlLine, path, fmt.Sprintf("is https, and bellbuoy has no certificate: see that something before it takes the TLS away and posts to listen (%s)", c.Listen))
	case ownPort != port:
		e.fault(e.urlLine, path, fmt.Sprintf("has port %s, and listen (%s) in %s has another: write the same, or remove listen", port, c.Listen, ownPos))
	case loopback(c.Listen) && listenHost(u.Hostname()) == "":
		e.warn(e.urlLine, path, fmt.Sprintf("names %s, and listen (%s) in %s takes what comes from the same machine only: write 127.0.0.1 here, or listen on :%s there", u.Hostname(), c.Listen, ownPos, port))
	}
}

// listenHost is what to listen on for a registry that posts to host: the loopback
// interface, if that is host, or else all.
func listenHost(host string) string {
	if host == "localhost" {
		return "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return host
	}
	return ""
}
