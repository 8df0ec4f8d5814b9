package exec

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// command is a target's options, read.
type command struct {
	argv []string
	env  map[string]string
	dir  string

	mask *post.Mask
}

func table() options.Table[command] {
	return options.Table[command]{
		Of:      "a command",
		Example: `{command: [/usr/local/bin/deploy]}`,
		Fields: []options.Field[command]{
			{
				Name: "command", Description: "the program, by its whole path, and its arguments; there is no shell between",
				Missing: "give the program and its arguments, as [/usr/local/bin/deploy, --all]",
				Into:    func(c *command) options.Value { return options.Texts(&c.argv, 1, noNull) },
			},
			{
				Name: "env", Description: "the program's environment, which has nothing else but a few facts of bellbuoy's", Secret: true,
				Into: func(c *command) options.Value {
					return options.Map(&c.env, options.Names{Example: "PATH", Rule: variable, Same: func(s string) string { return s }}, noNull)
				},
			},
			{
				Name: "dir", Description: "the folder that it runs in; / where it is left out",
				Into: func(c *command) options.Value {
					c.dir = "/"
					return options.Text(&c.dir, noNull, whole)
				},
			},
		},
		Check: (*command).finish,
	}
}

func noNull(s string) string {
	if strings.ContainsRune(s, 0) {
		return "holds a null character; remove it"
	}
	return ""
}

func whole(s string) string {
	if !filepath.IsAbs(s) {
		return "is no whole path; begin with /"
	}
	return ""
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variable says what a name of a variable is like.
func variable(name string) string {
	switch {
	case !variableName.MatchString(name):
		return "is no name of a variable; use letters, digits and _, and begin with no digit"
	case strings.HasPrefix(name, reserved):
		return "is a name of bellbuoy's own; use one that does not begin with " + reserved
	}
	return ""
}

func (c *command) finish() []plugin.Fault {
	if why := whole(c.argv[0]); why != "" { // which would be searched for, or depend on the folder
		return []plugin.Fault{{Path: "command.0", Message: why}}
	}
	var secrets []string
	for _, value := range c.env {
		secrets = append(secrets, value)
	}
	c.mask = post.NewMask(secrets...)
	return nil
}
