//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/process"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// kind is a type of target, and the options of one: HTTP stands for the URL of the sink,
// KAFKA for a broker, HOST and PORT for an address that refuses connections. Whether a
// message is taken does not matter here, as long as one is made.
type kind struct {
	name, options string
	broker        bool // its sender is in the program for brokers
}

// kinds are those whose senders are measured: each that is a process.
func kinds() []kind {
	return []kind{
		{name: "webhook", options: `{url: "HTTP"}`},
		{name: "email", options: `{host: HOST, port: PORT, tls: none, from: a@example.com, to: [b@example.com]}`},
		{name: "dingtalk", options: `{url: "HTTP/robot/send?access_token=t0ken"}`},
		{name: "feishu", options: `{url: "HTTP/open-apis/bot/v2/hook/t0ken"}`},
		{name: "wecom", options: `{url: "HTTP/cgi-bin/webhook/send?key=t0ken"}`},
		{name: "slack", options: `{url: "HTTP/services/x"}`},
		{name: "teams", options: `{url: "HTTP/workflows/x/triggers/manual/paths/invoke?sig=t0ken"}`},
		{name: "discord", options: `{url: "HTTP/api/webhooks/1/t0ken"}`},
		{name: "shoutrrr", options: `{url: "generic+HTTP/hook"}`},
		{name: "hipchat", options: `{room_id: 42, notification_token: t0ken, base_url: "HTTP"}`},
		{name: "flowdock", options: `{flow_api_token: "0123456789abcdef", base_url: "HTTP"}`},
		{name: "exec", options: `{command: [/bin/true]}`},
		{name: "kafka", options: `{brokers: ["KAFKA"], topic: pushes}`, broker: true},
		{name: "nats", options: `{url: "nats://HOST:PORT", subject: pushes}`, broker: true},
		{name: "amqp", options: `{url: "amqp://HOST:PORT", routing_key: pushes}`, broker: true},
	}
}

// allKinds is the row of a bellbuoy that has a target of each.
const allKinds = "all of them"

// What is measured of each sender.
const (
	senderHost     = "bellbuoy's process"
	senderMemory   = "the sender's"
	senderTogether = "together"
	senderReady    = "start to ready"
	senderBinary   = "program"
)

// senders measures bellbuoy with a target of each kind alone, and with all of them.
func (b *bench) senders(ctx context.Context) (section, error) {
	brokers, err := sidecar.BuildBrokers(ctx, b.o.root, b.dir, false)
	if err != nil {
		return section{}, err
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "pushes"))
	if err != nil {
		return section{}, err
	}
	defer cluster.Close()
	rows := map[string][]figures{}
	for round := range b.o.rounds {
		for _, name := range senderRows() {
			b.say("senders, round %d of %d: %s", round+1, b.o.rounds, name)
			f, err := b.sender(ctx, name, brokers, cluster.ListenAddrs()[0])
			if err != nil {
				return section{}, fmt.Errorf("measure the sender of %s: %w", name, err)
			}
			rows[name] = append(rows[name], f)
		}
	}
	return sendersTable(rows), nil
}

func senderRows() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return append(names, allKinds)
}

// sender measures one row, in a store of its own.
func (b *bench) sender(ctx context.Context, name, brokers, kafka string) (f figures, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it took more than a minute"))
	defer cancel()
	dir, err := os.MkdirTemp(b.dir, "sender-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var with []kind
	for _, k := range kinds() {
		if name == k.name || name == allKinds {
			with = append(with, k)
		}
	}
	c, err := b.configure(ctx, dir, with, brokers, kafka)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	s, err := sidecar.Start(b.program, c, filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer s.Kill()
	if err := s.Ready(ctx); err != nil {
		return nil, err
	}
	f = figures{senderReady: millis(time.Since(start))}
	for _, k := range with { // what it needs to send is part of what it costs
		cmd := exec.CommandContext(ctx, b.program, "test", k.name, "--server", "http://"+c.Admin)
		if out, err := cmd.CombinedOutput(); ctx.Err() != nil || err != nil && !strings.Contains(string(out), k.name) {
			return nil, fmt.Errorf("test %s: %w: %s", k.name, errors.Join(err, context.Cause(ctx)), out)
		}
	}
	time.Sleep(time.Second) // until it is idle
	children, err := process.Children(s.PID())
	if err != nil {
		return nil, err
	}
	if len(children) != len(with) {
		return nil, fmt.Errorf("%d senders run, and there are targets of %d types", len(children), len(with))
	}
	all, err := process.Memory(s.PID())
	if err != nil {
		return nil, err
	}
	var theirs int64
	for _, pid := range children {
		n, err := process.Memory(pid)
		if err != nil {
			return nil, err
		}
		theirs += n
	}
	const mebi = 1 << 20
	f[senderTogether], f[senderMemory], f[senderHost] = float64(all)/mebi, float64(theirs)/mebi, float64(all-theirs)/mebi
	program := b.program
	if with[0].broker {
		program = brokers
	}
	info, err := os.Stat(program)
	if err != nil {
		return nil, err
	}
	if name != allKinds {
		f[senderBinary] = float64(info.Size()) / 1e6
	}
	return f, nil
}

// configure writes a configuration with a target of each kind, which has its name.
func (b *bench) configure(ctx context.Context, dir string, with []kind, brokers, kafka string) (sidecar.Config, error) {
	c := sidecar.Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")}
	var err error
	if c.Listen, err = loopback.Address(); err != nil {
		return c, err
	}
	if c.Admin, err = loopback.Address(); err != nil {
		return c, err
	}
	sink, err := url.Parse(b.sink.URL())
	if err != nil {
		return c, err
	}
	nobody, err := loopback.Address()
	if err != nil {
		return c, err
	}
	host, port, err := net.SplitHostPort(nobody)
	if err != nil {
		return c, err
	}
	fill := strings.NewReplacer("HTTP", "http://"+sink.Host, "HOST", host, "PORT", port, "KAFKA", kafka)
	var pins, targets strings.Builder
	for _, k := range with {
		fmt.Fprintf(&targets, "- {name: %s, type: %s, options: %s}\n", k.name, k.name, fill.Replace(k.options))
		if k.broker {
			pin, err := exec.CommandContext(ctx, b.program, "plugins", "hash", "--type", k.name, brokers).Output()
			if err != nil {
				return c, fmt.Errorf("pin the sender for brokers: %w", err)
			}
			pins.Write(pin)
		}
	}
	text := fmt.Sprintf("listen: %s\nadmin: {listen: %q}\nstore: %s\n", c.Listen, c.Admin, c.Store)
	text += "plugins:\n  allow: [exec]\n"
	if pins.Len() > 0 {
		text += fmt.Sprintf("  dir: %s\n  pins:\n  %s\n", filepath.Dir(brokers), strings.ReplaceAll(strings.TrimSpace(pins.String()), "\n", "\n  "))
	}
	text += fmt.Sprintf("registries: [{name: hub, type: distribution, auth: {bearer: %s}}]\ntargets:\n%srules: [{name: all, deliver: [%s]}]\n", sidecar.Bearer, targets.String(), with[0].name)
	return c, os.WriteFile(c.Path, []byte(text), 0o600)
}

func sendersTable(rows map[string][]figures) section {
	s := section{name: sectionSenders, head: []string{
		"targets of type", senderHost + ", MiB", senderMemory + ", MiB", senderTogether + ", MiB", senderReady + ", ms", senderBinary + ", MB",
	}}
	for _, name := range senderRows() {
		cells := []string{name}
		for _, figure := range []string{senderHost, senderMemory, senderTogether, senderReady, senderBinary} {
			cells = append(cells, spread(column(rows[name], figure)))
		}
		s.rows = append(s.rows, cells)
	}
	return s
}
