// Command bellbuoy-sender-brokers sends to message brokers. It is an ordinary plugin that
// serves several target types, and is apart from bellbuoy for the weight of the brokers'
// clients: who sends to none does not carry them.
package main

import (
	"cmp"
	"runtime/debug"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/amqp"
	"github.com/bellbuoy/bellbuoy/plugin/senders/kafka"
	"github.com/bellbuoy/bellbuoy/plugin/senders/nats"
	"github.com/bellbuoy/bellbuoy/plugin/serve"
)

// version is set by the linker in releases: -ldflags "-X main.version=1.2.3".
var version string

func main() {
	v := readVersion()
	serve.Main(map[string]plugin.Sender{
		"amqp":  amqp.New(v),
		"kafka": kafka.New(v),
		"nats":  nats.New(v),
	})
}

// readVersion reads what the linker and the go command left in the binary.
func readVersion() string {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		v = cmp.Or(v, info.Main.Version)
	}
	return cmp.Or(v, "devel")
}
