package exec

import (
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
				Into:    func(c *command) options.Value { return options.Command(&c.argv) },
			},
			{
				Name: "env", Description: "the program's environment, which has nothing else but a few facts of bellbuoy's", Secret: true,
				Into: func(c *command) options.Value {
					return options.Map(&c.env, options.Names{Example: "PATH", Rule: variable, Same: func(s string) string { return s }}, options.NoNull)
				},
			},
			{
				Name: "dir", Description: "the folder that it runs in; / where it is left out",
				Into: func(c *command) options.Value {
					c.dir = "/"
					return options.Text(&c.dir, options.NoNull, options.WholePath)
				},
			},
		},
		Check: (*command).finish,
	}
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
	var secrets []string
	for _, value := range c.env {
		secrets = append(secrets, value)
	}
	c.mask = post.NewMask(secrets...)
	return nil
}
