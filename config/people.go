package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// People says who is in which team and organization. A user needs no entry: the names are
// those by which people ask.
type People struct {
	// Teams are lists of users, by the name of the team.
	Teams Groups `yaml:"teams" jsonschema:"example={platform: [alice, bob]}"`
	// Organizations are lists of users, by the name of the organization.
	Organizations Groups `yaml:"organizations" jsonschema:"example={acme: [alice]}"`
}

// Groups are lists of users, each by the name of those that it lists.
type Groups map[string][]string

// Of returns the names of the groups that a user is in, sorted.
func (g Groups) Of(user string) (names []string) {
	for name, users := range g {
		if slices.Contains(users, user) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// groups decodes names and the lists behind them.
func (d *decoder) groups(n *yaml.Node, to *Groups, path string) {
	if !d.is(n, yaml.MappingNode, "keys and values", path) {
		return
	}
	*to = Groups{}
	for _, e := range d.entries(n, path) {
		at := join(path, e.key)
		d.note(e.line, at)
		if fault := personFault(e.key); fault != "" {
			d.fault(e.line, path, strconv.Quote(e.key)+" "+fault)
			continue
		}
		var users []string
		d.value(e.node, reflect.ValueOf(&users).Elem(), at)
		for i, u := range users {
			if fault := personFault(u); fault != "" && u != "" { // which was said
				d.fault(e.node.Line, item(at, i), fault)
			}
		}
		(*to)[e.key] = users
	}
}

// maxPerson bounds the name of a user, a team or an organization, in bytes.
const maxPerson = 200

// personFault says what is wrong with the name of a user, a team or an organization.
func personFault(name string) string {
	if strings.TrimSpace(name) != name || name == "" || len(name) > maxPerson || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "is no name: write one line of at most 200 bytes, without blanks around it"
	}
	return ""
}
