// Package senders is the table of the target types that are built in.
package senders

import (
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/webhook"
)

// Constructor makes the sender of a type; version is bellbuoy's, for targets to see.
type Constructor func(version string) plugin.Sender

// Builtin returns the constructor of each built-in target type.
func Builtin() map[string]Constructor {
	return map[string]Constructor{
		"webhook": webhook.New,
	}
}
