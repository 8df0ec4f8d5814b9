package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFile is how large a configuration may be: 10 000 rules and as many targets
// are about 5 MiB.
const maxFile = 16 << 20

// Known is what the rest of the program can do, as far as a configuration names it.
// A nil list is not checked against.
type Known struct {
	RegistryTypes []string
	LookupTypes   []string // registry types that can be asked
	TargetTypes   []string
	EventTypes    []string
	Nouns         []string // what the scopes of tokens can be about
}

// Load reads the configuration in the file at path. See [Parse].
func Load(path string, known Known) (*Config, Faults) {
	data, err := readFile(path)
	if err != nil {
		c := defaults()
		c.reads = []Read{{Path: path}}
		return &c, Faults{{Pos: Pos{File: path}, Message: err.Error()}}
	}
	c, faults := Parse(path, data, known)
	c.reads = append([]Read{readOf(path, data)}, c.reads...)
	return c, faults
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such file: correct the path, or write the file")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w: correct the path, or give bellbuoy's user the right to read it", bare(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", bare(err))
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("is larger than %d MiB: name bellbuoy's configuration", maxFile>>20)
	}
	return data, nil
}

// Parse reads a configuration that stands, or would stand, in file: faults name it,
// and secret files with a relative path are looked for beside it. It reads those
// files and the environment, and nothing else.
//
// The faults are all that is wrong, in the order of the file, but for the patterns
// of rules and the options of targets: what is found in those is added with
// [Faults.Merge]. The Config is never nil. Where the faults
// [Faults.Failed] it holds what could be read, which serves to find more faults,
// and for nothing else.
func Parse(file string, data []byte, known Known) (*Config, Faults) {
	c := defaults()
	c.file, c.lines = file, map[string]int{}
	root, faults := document(file, data)
	if root != nil {
		d := newDecoder(file, len(data), c.lines)
		d.decode(root, &c)
		faults = append(faults, d.faults...).Merge(c.Locate(c.check(known)))
	}
	return &c, faults
}

// document returns the root of the one YAML document in data, nil where there is none.
func document(file string, data []byte) (*yaml.Node, Faults) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, Faults{{Pos: Pos{File: file}, Message: `is empty: write at least "registries:", or run bellbuoy without a configuration`}}
	} else if err != nil {
		return nil, Faults{syntaxFault(file, err)}
	}
	var faults Faults
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		faults = Faults{{Pos: Pos{file, second.Line}, Message: `a second document begins here: only one is read, so move all of it into the first and remove the "---"`}}
	} else if !errors.Is(err, io.EOF) {
		faults = Faults{syntaxFault(file, err)}
	}
	return doc.Content[0], faults
}

// syntaxFault reads the line out of an error of the YAML parser, which has it in
// its text only.
func syntaxFault(file string, err error) Fault {
	f := Fault{Pos: Pos{File: file, Line: 1}, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(f.Message); m != nil {
		f.Pos.Line, _ = strconv.Atoi(m[1])
		f.Message = f.Message[len(m[0]):]
	}
	hint := "correct the YAML about here"
	if strings.Contains(f.Message, "cannot start any token") {
		hint = "indent with blanks and not with tabs, and put a value that begins with @, ` or % in quotes"
	}
	f.Message = "is no YAML: " + f.Message + ": " + hint
	return f
}
