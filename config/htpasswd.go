package config

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Htpasswd is a file of names and passwords. It was read with the configuration.
type Htpasswd struct {
	File string
	// Users are the hashes of their passwords, by name: bcrypt's, or Argon2id's in the form
	// $argon2id$v=19$m=...,t=...,p=...$SALT$HASH.
	Users map[string]string
}

// MarshalText shows the file's name only.
func (h Htpasswd) MarshalText() ([]byte, error) { return []byte(h.File), nil }

// The bounds of what it costs to compare a password: less can be guessed, more would let
// logins take all of the machine.
const (
	weakBcrypt = 10
	maxBcrypt  = 14
	maxMemory  = 256 << 10 // KiB
	maxTime    = 16
	maxThreads = 16
)

// maxHtpasswd is how large the file may be: some ten thousand users.
const maxHtpasswd = 1 << 20

var (
	bcryptRegexp = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)
	argonRegexp  = regexp.MustCompile(`^\$argon2id\$v=19\$m=([0-9]{1,8}),t=([0-9]{1,4}),p=([0-9]{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$`)
)

// htpasswd decodes the path of a file of users and reads it.
func (d *decoder) htpasswd(n *yaml.Node, to *Htpasswd, path string) {
	if !d.text(n, path) {
		return
	}
	data, mode, err := readRegular("htpasswd", d.dir, n.Value, maxHtpasswd)
	to.File = within(d.dir, n.Value)
	d.reads = append(d.reads, readOf(to.File, data))
	if err != nil {
		d.fault(n.Line, path, err.Error())
		return
	}
	if mode&0o004 != 0 {
		d.warn(n.Line, path, fmt.Sprintf("htpasswd file %s can be read by every user of this machine (mode %04o): take that right away with chmod o-r", to.File, mode))
	}
	to.Users = map[string]string{}
	lines, bad := map[string]int{}, false
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		where := fmt.Sprintf("htpasswd file %s, line %d: ", to.File, i+1)
		user, hash, ok := strings.Cut(line, ":")
		fault, warning := hashFault(to.File, user, hash)
		switch {
		case !ok:
			fault = "is not NAME:HASH: write it with: htpasswd -B " + to.File + " NAME"
		case personFault(user) != "":
			fault = "the name of the user " + personFault(user)
		case lines[user] > 0:
			fault = fmt.Sprintf("%q stands in line %d already: remove one", user, lines[user])
		}
		if fault != "" {
			bad = true
			d.fault(n.Line, path, where+fault)
			continue
		}
		if warning != "" {
			d.warn(n.Line, path, where+warning)
		}
		lines[user], to.Users[user] = i+1, hash
	}
	if len(lines) == 0 && !bad {
		d.warn(n.Line, path, fmt.Sprintf("htpasswd file %s names nobody: add users with: htpasswd -B %s NAME", to.File, to.File))
	}
}

// hashFault says what is wrong with the hash of a password, and never shows it.
func hashFault(file, user, hash string) (fault, warning string) {
	anew := fmt.Sprintf("make it anew with: htpasswd -B -C 12 %s %s", file, user)
	if m := bcryptRegexp.FindStringSubmatch(hash); m != nil {
		switch cost, _ := strconv.Atoi(m[1]); {
		case cost < 4 || cost > maxBcrypt:
			return fmt.Sprintf("the bcrypt cost of %q is %d, which is out of range: take 10 to %d, and %s", user, cost, maxBcrypt, anew), ""
		case cost < weakBcrypt:
			return "", fmt.Sprintf("the bcrypt cost of %q is %d, so that a stolen file is soon guessed: %s", user, cost, anew)
		}
		return "", ""
	}
	if m := argonRegexp.FindStringSubmatch(hash); m != nil {
		memory, _ := strconv.Atoi(m[1])
		time, _ := strconv.Atoi(m[2])
		threads, _ := strconv.Atoi(m[3])
		salt, err := base64.RawStdEncoding.DecodeString(m[4])
		sum, err2 := base64.RawStdEncoding.DecodeString(m[5])
		switch {
		case err != nil || err2 != nil || len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 128:
			return fmt.Sprintf("the Argon2id hash of %q is damaged: make it anew", user), ""
		case memory < 8*threads || memory > maxMemory || time < 1 || time > maxTime || threads < 1 || threads > maxThreads:
			return fmt.Sprintf("the Argon2id hash of %q costs too much, or nothing: take m up to %d, t up to %d and p up to %d, such as m=65536,t=3,p=4", user, maxMemory, maxTime, maxThreads), ""
		}
		return "", ""
	}
	kind := "a hash that is not known here"
	switch {
	case hash == "":
		return fmt.Sprintf("%q has no password: %s", user, anew), ""
	case strings.HasPrefix(hash, "$apr1$"), strings.HasPrefix(hash, "$1$"):
		kind = "MD5"
	case strings.HasPrefix(hash, "{SHA}"):
		kind = "SHA-1 without a salt"
	case strings.HasPrefix(hash, "$5$"), strings.HasPrefix(hash, "$6$"):
		kind = "crypt's SHA-2"
	case strings.HasPrefix(hash, "$argon2"):
		kind = "an Argon2 other than Argon2id of version 19"
	case strings.HasPrefix(hash, "$2"):
		kind = "bcrypt, but damaged"
	case len(hash) == 13:
		kind = "crypt"
	}
	return fmt.Sprintf("the password of %q is kept as %s; bcrypt and Argon2id are taken: %s", user, kind, anew), ""
}
