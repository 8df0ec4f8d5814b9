package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pos is a place in a file.
type Pos struct {
	File string
	Line int // from 1; 0 = the file as a whole
}

// String returns FILE:LINE.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Severity says what a [Fault] means for the configuration that has it.
type Severity int

const (
	Error   Severity = iota // the configuration must not be used
	Warning                 // it may be used, but somebody should look
	Note                    // nothing is wrong; somebody may not expect it
)

// Fault is one thing that is wrong in a configuration.
type Fault struct {
	Severity Severity
	Pos      Pos
	Path     string // of the key: "rules[2].tag.regex"; empty = the file as a whole
	Message  string // what is wrong, and what to do; lower case, no secret in it
}

// String returns "FILE:LINE: path: what, and what to do". A warning and a note have
// that word before the message.
func (f Fault) String() string {
	var b strings.Builder
	if f.Pos != (Pos{}) {
		b.WriteString(f.Pos.String() + ": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	switch f.Severity {
	case Warning:
		b.WriteString("warning: ")
	case Note:
		b.WriteString("note: ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Faultf makes an error at path that [Config.Locate] can put on its line.
func Faultf(path, format string, args ...any) Fault {
	return Fault{Path: path, Message: fmt.Sprintf(format, args...)}
}

// Warningf is [Faultf] for a warning.
func Warningf(path, format string, args ...any) Fault {
	return Fault{Severity: Warning, Path: path, Message: fmt.Sprintf(format, args...)}
}

// Faults are all that is wrong in a configuration.
type Faults []Fault

// Failed reports whether there is more than warnings among them.
func (fs Faults) Failed() bool {
	return slices.ContainsFunc(fs, func(f Fault) bool { return f.Severity == Error })
}

// Err returns the faults as one error, a line each and without the warnings, or nil
// where there are no others.
func (fs Faults) Err() error {
	var lines []string
	for _, f := range fs {
		if f.Severity == Error {
			lines = append(lines, f.String())
		}
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

// Warnings returns those that are warnings or notes.
func (fs Faults) Warnings() Faults {
	var list Faults
	for _, f := range fs {
		if f.Severity != Error {
			list = append(list, f)
		}
	}
	return list
}

// Sort puts the faults in the order of the file.
func (fs Faults) Sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
}

// Merge returns fs and those of more that blame a path which no error of fs blames
// yet, in the order of the file. What the reader of the file could not read is left
// out or empty, and others should not find fault with that again.
func (fs Faults) Merge(more Faults) Faults {
	blamed := map[string]bool{}
	for _, f := range fs {
		if f.Severity == Error {
			blamed[dotted(f.Path)] = true
		}
	}
	merged := slices.Clone(fs)
	for _, f := range more {
		if !blamed[dotted(f.Path)] {
			merged = append(merged, f)
		}
	}
	merged.Sort()
	return merged
}

// Locate puts each fault that has a path and no line on the line of the file where
// the path, or what holds it, is written; the path becomes the one that it has in
// that file. It changes fs and returns it.
func (c *Config) Locate(fs Faults) Faults {
	for i, f := range fs {
		if f.Pos.Line == 0 {
			fs[i].Pos, fs[i].Path = c.locate(f.Path)
		}
	}
	return fs
}

// OptionFault makes an error of what the sender of c.Targets[target] found wrong in
// its options; path is within them, as senders write it: "headers.X-Token",
// "secrets.0", or empty for the options as a whole.
func (c *Config) OptionFault(target int, path, message string) Fault {
	pos, full := c.locate(optionPath(target, path))
	return Fault{Pos: pos, Path: full, Message: message}
}

func optionPath(target int, path string) string {
	full := "targets[" + strconv.Itoa(target) + "].options"
	if path == "" {
		return full
	}
	return full + "." + path
}

// locate returns where path, or else the nearest thing around it, is written, and
// its path there.
func (c *Config) locate(path string) (Pos, string) {
	pos := Pos{File: c.file}
	for p := dotted(path); p != ""; p = around(p) {
		if line, ok := c.lines[p]; ok {
			pos.Line = line
			break
		}
	}
	for p := dotted(path); p != ""; p = around(p) {
		if at, ok := c.written[p]; ok {
			pos.File = at.file
			return pos, at.rename(path, p)
		}
	}
	return pos, path
}

// place is where something of a configuration is written, if not in its file under
// its own name.
type place struct {
	file, path string
	// whole: the path stands for all that is within, which has no path of its own.
	whole bool
}

// rename returns what path, of which from is the dotted beginning, is called there.
func (p place) rename(path, from string) string {
	if p.whole {
		return p.path
	}
	end := len(path)
	for end > 0 && dotted(path[:end]) != from {
		end--
	}
	return p.path + path[end:]
}

// around returns the dotted path of what holds p, "" at the top.
func around(p string) string { return p[:max(0, strings.LastIndexByte(p, '.'))] }

// dotted writes targets[0].name as targets.0.name, so that the two ways in which
// paths name the items of a list are one.
func dotted(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(path, "[", "."), "]", "")
}
