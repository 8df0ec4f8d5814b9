// Package connect gives a registry of a configuration what it needs to post to bellbuoy:
// as text to paste, which reaches no registry ([Write]), through the registry's API
// ([Harbor], [Quay]), or in its file ([RegistryFile]).
package connect

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
)

// Options say what is to be written.
type Options struct {
	Registry config.Registry
	// URL is where the registry reaches bellbuoy's intake, without /in/NAME.
	URL string
	// ShowSecrets writes secrets in clear; else a placeholder stands for each.
	ShowSecrets bool
	// Plain asks Harbor for its default format instead of CloudEvents.
	Plain bool
	// Template gives Quay one URL, and bodies that name their event.
	Template bool
}

// Write writes what to give to a registry of the type that o.Registry has. Its errors say
// what is wrong with the options, and how to put it right.
func Write(w io.Writer, o Options) error {
	if err := checkURL(o.URL); err != nil {
		return err
	}
	var text string
	var err error
	switch o.Registry.Type {
	case "distribution":
		text, err = o.distribution()
	case "harbor":
		text, err = o.harbor()
	case "quay":
		text, err = o.quay()
	default:
		return fmt.Errorf("there is nothing to print for a registry of type %s: have it post to %s", o.Registry.Type, o.url(""))
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// checkURL says what is wrong with where bellbuoy is.
func checkURL(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("no http or https URL of bellbuoy: write one such as http://bellbuoy.example.com:5080")
	}
	return nil
}

// url is where the registry posts, with the secret in the path where there is one and
// behind it what the path is to end with.
func (o Options) url(secret string, behind ...string) string {
	parts := []string{strings.TrimRight(o.URL, "/"), "in", o.Registry.Name}
	if secret != "" {
		parts = append(parts, "-", secret)
	}
	return strings.Join(append(parts, behind...), "/")
}

// loopback reports whether the URL means the machine of whoever uses it.
func (o Options) loopback() bool {
	u, err := url.Parse(o.URL)
	return err == nil && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}

// placeholder stands for a secret that is not shown.
const placeholder = "SECRET"

// shown is a secret, or what stands for it.
func (o Options) shown(s *config.Secret) string {
	if o.ShowSecrets {
		return s.Reveal()
	}
	return placeholder
}

// authorization is the value of an Authorization header that shows a, if one can.
func (o Options) authorization(a config.Auth) (string, bool) {
	switch {
	case a.Bearer != nil:
		return "Bearer " + o.shown(a.Bearer), true
	case a.Basic != nil:
		if !o.ShowSecrets {
			return "Basic " + placeholder, true
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Basic.User+":"+a.Basic.Password.Reveal())), true
	case a.Header != nil && strings.EqualFold(a.Header.Name, "Authorization"):
		return o.shown(a.Header.Value), true
	}
	return "", false
}

// choose returns the first credential that can says the registry can show; all of them
// where it must show all. Nothing is needed where the registry has none.
func (o Options) choose(what, add string, can func(config.Auth) bool) (config.AuthList, error) {
	all := o.Registry.Auth
	if len(all) == 0 {
		return nil, nil
	}
	var able config.AuthList
	for _, a := range all {
		if can(a) {
			able = append(able, a)
		}
	}
	switch {
	case len(able) == 0, o.Registry.All && len(able) < len(all):
		return nil, fmt.Errorf("%s: %s cannot show what auth of registry %q asks for: add %s to it, any one suffices", o.Registry.Pos, what, o.Registry.Name, add)
	case o.Registry.All:
		return able, nil
	}
	return able[:1], nil
}

// secretNote says what the placeholder is, as a comment.
func (o Options) secretNote(list config.AuthList) string {
	switch {
	case len(list) == 0 || o.ShowSecrets:
		return ""
	case list[0].Basic != nil:
		return "# " + placeholder + " stands for USER:PASSWORD of the config's auth in base64: --show-secrets prints it.\n"
	}
	return "# " + placeholder + " stands for the secret of the config's auth: --show-secrets prints it.\n"
}

// pathSecret is the secret in the path, of those chosen.
func (o Options) pathSecret(list config.AuthList) string {
	for _, a := range list {
		if a.Path != nil {
			return o.shown(a.Path)
		}
	}
	return ""
}

// quote makes one word of s for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
