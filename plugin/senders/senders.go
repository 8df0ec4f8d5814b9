// Package senders is the table of the target types that are built in.
package senders

import (
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/dingtalk"
	"github.com/bellbuoy/bellbuoy/plugin/senders/discord"
	"github.com/bellbuoy/bellbuoy/plugin/senders/email"
	"github.com/bellbuoy/bellbuoy/plugin/senders/exec"
	"github.com/bellbuoy/bellbuoy/plugin/senders/feishu"
	"github.com/bellbuoy/bellbuoy/plugin/senders/flowdock"
	"github.com/bellbuoy/bellbuoy/plugin/senders/hipchat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/inbox"
	"github.com/bellbuoy/bellbuoy/plugin/senders/shoutrrr"
	"github.com/bellbuoy/bellbuoy/plugin/senders/slack"
	"github.com/bellbuoy/bellbuoy/plugin/senders/teams"
	"github.com/bellbuoy/bellbuoy/plugin/senders/webhook"
	"github.com/bellbuoy/bellbuoy/plugin/senders/wecom"
)

// Constructor makes the sender of a type; version is bellbuoy's, for targets to see.
type Constructor func(version string) plugin.Sender

// Builtin returns the constructor of each built-in target type.
func Builtin() map[string]Constructor {
	return map[string]Constructor{
		"dingtalk": dingtalk.New,
		"discord":  discord.New,
		"email":    email.New,
		"exec":     exec.New,
		"feishu":   feishu.New,
		"flowdock": flowdock.New,
		"hipchat":  hipchat.New,
		"inbox":    inbox.New,
		"shoutrrr": shoutrrr.New,
		"slack":    slack.New,
		"teams":    teams.New,
		"webhook":  webhook.New,
		"wecom":    wecom.New,
	}
}

// InProcess reports whether the sender of a built-in type runs in bellbuoy's own process:
// what it sends to is bellbuoy's. Its constructor makes one that can all but send.
func InProcess(typ string) bool { return typ == inbox.Type }
