package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Plugins are senders that do not come with bellbuoy, and what senders are allowed.
type Plugins struct {
	// Dir is the folder of sender plugins, files named bellbuoy-sender-TYPE. It is relative
	// to the folder of this file.
	Dir File `yaml:"dir" jsonschema:"example=/usr/lib/bellbuoy"`
	// Pins name the plugins that may be run, each by what its file holds: what
	// "bellbuoy plugins hash FILE" prints.
	Pins []Pin `yaml:"pins"`
	// Allow names target types that are off unless they stand here: exec, which runs
	// commands.
	Allow []string `yaml:"allow" jsonschema:"example=[exec]"`
}

// Pin says what the file of a plugin holds.
type Pin struct {
	// Type is the target type that the plugin serves, the end of its file's name.
	Type string `yaml:"type" jsonschema:"required,example=matrix"`
	// File is the name of the file in dir where its end is not the type: of one that serves
	// several types, each of which has a pin.
	File string `yaml:"file" jsonschema:"example=bellbuoy-sender-brokers"`
	// SHA256 is that of the file, 64 hexadecimal digits.
	SHA256 string `yaml:"sha256" jsonschema:"required,example=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Pos    Pos    `yaml:"-"`
}

// Name is that of the plugin's file in its folder.
func (p Pin) Name() string {
	if p.File != "" {
		return p.File
	}
	return PluginPrefix + p.Type
}

// PluginPrefix is what the names of plugins' files begin with; the type follows.
const PluginPrefix = "bellbuoy-sender-"

// sumPattern is what a SHA-256 is.
const sumPattern = `^[0-9a-fA-F]{64}$`

var sumRegexp = regexp.MustCompile(sumPattern)

// GuardedTypes are the target types that plugins.allow has to name, since more can be done
// with them than to send.
func GuardedTypes() []string { return []string{"exec"} }

// apart are the target types that come with bellbuoy in a file of its own, and which.
func apart() map[string]string {
	brokers := PluginPrefix + "brokers"
	return map[string]string{"amqp": brokers, "kafka": brokers, "nats": brokers}
}

// Pin returns the pin of a target type. Of one that is built in there is none that
// counts; the caller is to know those.
func (p Plugins) Pin(typ string) (Pin, bool) {
	i := slices.IndexFunc(p.Pins, func(pin Pin) bool { return pin.Type == typ })
	if i < 0 {
		return Pin{}, false
	}
	return p.Pins[i], true
}

// plugins checks what is said of plugins, and returns the target types that there are
// with them.
func (k *checker) plugins(p Plugins) nameSet {
	types := slices.Clone(k.known.TargetTypes)
	if len(p.Pins) > 0 && p.Dir == "" {
		k.fault("plugins.dir", "is missing, and plugins are pinned: add the folder that has them, such as dir: /usr/lib/bellbuoy")
	}
	var seen []string
	for i, pin := range p.Pins {
		at := item("plugins.pins", i)
		if pin.SHA256 != "" && !sumRegexp.MatchString(pin.SHA256) {
			k.fault(at+".sha256", `is no SHA-256 in 64 hexadecimal digits: write what "bellbuoy plugins hash FILE" prints`)
		}
		if pin.File != "" && (filepath.Base(pin.File) != pin.File || len(pin.File) <= len(PluginPrefix) || !strings.HasPrefix(pin.File, PluginPrefix)) {
			k.fault(at+".file", `%q is not the name of a plugin's file: write its name in plugins.dir alone, %sNAME`, pin.File, PluginPrefix)
		}
		switch {
		case pin.Type == "":
			continue
		case !nameRegexp.MatchString(pin.Type):
			k.fault(at+".type", `%q is no name: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`, pin.Type)
			continue
		case slices.Contains(k.known.TargetTypes, pin.Type):
			k.faults = append(k.faults, Warningf(at, "%q comes with bellbuoy, which goes before a plugin: remove the pin, or give the plugin another type", pin.Type))
		case slices.Contains(seen, pin.Type):
			k.fault(at+".type", "%q is pinned twice: remove one", pin.Type)
		}
		seen = append(seen, pin.Type)
		if types != nil {
			types = append(types, pin.Type)
		}
	}
	for i, typ := range p.Allow {
		k.unknown(item("plugins.allow", i), "target type that can be allowed", typ, nameSet{list: GuardedTypes()})
	}
	return nameSet{list: types}
}

// allowed sees that a target's type is not one that has to be allowed.
func (k *checker) allowed(path, typ string) {
	if slices.Contains(GuardedTypes(), typ) && k.types.has(typ) && !slices.Contains(k.Plugins.Allow, typ) {
		k.fault(path+".type", `%q is off, since it does more than send: write "plugins: {allow: [%s]}" if it is to be used here`, typ, typ)
	}
}

// Note adds a file to those that the configuration stands on, so that [Read.Changed]
// tells when it is another.
func (c *Config) Note(path string) {
	r := Read{Path: path}
	r.Sum = sum(r)
	c.reads = append(c.reads, r)
}
