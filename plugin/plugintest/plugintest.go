// Package plugintest holds a sender to the contract of package plugin. Any sender's test
// calls it in one line:
//
//	func TestContract(t *testing.T) {
//		plugintest.Run(t, New(), plugintest.Target{Options: `{"url": "{server}/hook"}`})
//	}
//
// It asks what the host would ask and what the host would not like to ask: options of the
// wrong kind, every type of event whole and in part, names that try to be markup, a target
// that hangs, redirects, answers junk or without end. With -race it shows that the sender
// may be called from many goroutines. Each failure says what the contract wants.
//
// It does not know the medium: what a message looks like, and what a strange name becomes
// in it, are for tests of the sender's own.
package plugintest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Target is a target of the sender's type, for the kit to try the sender on.
type Target struct {
	// Options are good options of a target, as JSON. "{server}" in them stands for the URL
	// of an HTTP server that the kit starts, "http://127.0.0.1:12345", and shows that the
	// sender sends by HTTP. Every option that the sender calls secret has a value here or
	// in More, of eight bytes at least.
	Options string
	// More are other good options: other ways to sign, to log in, to say where.
	More []string
	// Bad are options that Check must find fault with, beyond those that the kit finds
	// by itself from the schema.
	Bad []string
	// Secrets are texts within Options that are to be masked though the schema does not
	// say so: a key within a URL.
	Secrets []string
	// Accept answers as a target that has taken a message; nil is 200 with no body.
	Accept http.HandlerFunc
	// Takes says of a target that is not asked by HTTP that it takes whatever is sent to
	// it while the test runs. Where it is false, nothing is sent to it.
	Takes bool
}

// kit is what the checks share.
type kit struct {
	sender   plugin.Sender
	target   Target
	desc     plugin.Description
	server   *server
	patience time.Duration // with a call that does not heed its context
	deadline time.Duration // that targets which never answer are given
}

// Run checks all of the contract, each promise in a subtest.
func Run(t *testing.T, sender plugin.Sender, target Target) {
	t.Helper()
	(&kit{sender: calm{sender, t}, target: target, patience: 20 * time.Second, deadline: 500 * time.Millisecond}).run(t)
}

func (k *kit) run(t *testing.T) {
	if k.target.Accept == nil {
		k.target.Accept = func(http.ResponseWriter, *http.Request) {}
	}
	k.server = newServer(t)
	if !t.Run("describe", k.describe) {
		return // nothing else makes sense
	}
	t.Run("good options", k.goodOptions)
	t.Run("wrong options", k.wrongOptions)
	t.Run("all faults at once", k.allAtOnce)
	t.Run("templates", k.templates)
	t.Run("every event", k.everyEvent)
	t.Run("events in part", k.eventsInPart)
	t.Run("hostile names", k.hostileNames)
	t.Run("calls at once", k.callsAtOnce)
	if !k.byHTTP() {
		t.Run("context", k.deadContext)
		return
	}
	t.Run("request", k.request)
	t.Run("secrets", k.secrets)
	t.Run("answers", k.answers)
	t.Run("redirects", k.redirects)
	t.Run("egress", k.egress)
	t.Run("bad targets", k.badTargets)
	t.Run("context", k.context)
}

// byHTTP says that the sender's requests come to the kit's server.
func (k *kit) byHTTP() bool { return strings.Contains(k.target.Options, placeholder) }

const placeholder = "{server}"

// at are options with the kit's server in them.
func (k *kit) at(options string) json.RawMessage {
	return json.RawMessage(strings.ReplaceAll(options, placeholder, k.server.URL))
}

// good are all good options.
func (k *kit) good() []string { return append([]string{k.target.Options}, k.target.More...) }

// delivery is one as the host makes it.
func (k *kit) delivery(e event.Event) plugin.Delivery {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // an event always encodes
	}
	return k.raw(b)
}

func (k *kit) raw(e []byte) plugin.Delivery {
	return plugin.Delivery{
		ID: "0192a7de-7b1c-7c3d-8f00-0123456789ab", Attempt: 1, Target: "the-target", Type: k.desc.Type,
		Options: k.at(k.target.Options), Event: e,
	}
}
