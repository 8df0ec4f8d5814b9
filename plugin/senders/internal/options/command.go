package options

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// NoNull refuses the null character, which no argument, path or variable of a process holds.
func NoNull(s string) string {
	if strings.ContainsRune(s, 0) {
		return "holds a null character; remove it"
	}
	return ""
}

// WholePath refuses a path that depends on where it is looked for.
func WholePath(s string) string {
	if !filepath.IsAbs(s) {
		return "is no whole path; begin with /"
	}
	return ""
}

type commandValue struct{ textsValue }

// Command is a program, by its whole path, and its arguments.
func Command(to *[]string) Value { return commandValue{textsValue{to, 1, []Rule{NoNull}}} }

func (v commandValue) read(raw json.RawMessage) []problem {
	problems := v.textsValue.read(raw)
	if len(*v.to) > 0 && (len(problems) == 0 || problems[0].path != ".0") {
		for _, p := range judge((*v.to)[0], []Rule{WholePath}) {
			problems = append(problems, problem{".0", p.message})
		}
	}
	return problems
}
