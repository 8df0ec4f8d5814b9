package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

// How often a test's trace is looked at, and how much longer than the attempts are made.
const (
	testLook  = 100 * time.Millisecond
	testGrace = 5 * time.Second
)

func newTest(env environment) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "test TARGET",
		GroupID: groupAsk,
		Short:   "Send a test event to one target, and say how that went",
		Long: `Send an event of type bellbuoy.test to one target, whatever the rules say, and wait for
how it ends. It goes the way of all deliveries: it waits for its turn and for what the
target takes, and is tried again on the target's schedule, until --timeout. Its trace tells
all of it.

The exit status is 0 where it was delivered, and 1 where it was not, or not yet: a target
in shadow mode gets nothing.`,
		Example: `  bellbuoy test ci
  bellbuoy test ci --timeout 5s -o json`,
		Args: oneName,
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "try, and wait, for `SO LONG`")
	server := addServer(cmd, env)
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if timeout < time.Second || timeout > time.Hour {
			return wrongUse(cmd, "--timeout %s: want 1s to 1h", timeout)
		}
		c, err := server.client(cmd)
		if err != nil {
			return err
		}
		name := args[0]
		event, _, err := c.TestTarget(cmd.Context(), name, timeout, "`"+cmd.CommandPath()+" "+name+"`"+who())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout+testGrace)
		defer cancel()
		d, err := outcome(ctx, c, event)
		if err != nil {
			return err
		}
		if *format == outputJSON {
			err = printJSON(env.stdout, tested{event, d.ID, d.State, d.Reason, append([]client.Attempt{}, d.Attempts...)})
		} else {
			_, err = env.stdout.Write(verdict(name, event, d, env.now()))
		}
		if err == nil && d.State != "delivered" {
			err = fmt.Errorf("the test of target %s is %s", name, standing(d, env.now()))
		}
		return err
	}
	return cmd
}

// tested is what a test came to.
type tested struct {
	Event    string           `json:"event"`
	Delivery string           `json:"delivery"`
	State    string           `json:"state"`
	Reason   string           `json:"reason,omitempty"`
	Attempts []client.Attempt `json:"attempts"`
}

// outcome waits until the only delivery of an event has ended, or as long as ctx lets
// it, and returns it as it is then.
func outcome(ctx context.Context, c *client.Client, event string) (client.Delivery, error) {
	var last client.Delivery
	for {
		t, err := c.Trace(ctx, event)
		if ctx.Err() == nil && err != nil {
			return last, err
		}
		if err == nil {
			if len(t.Deliveries) != 1 {
				return last, fmt.Errorf("the test %s has %d deliveries", event, len(t.Deliveries))
			}
			last = t.Deliveries[0]
		}
		if last.State != "" && last.State != "waiting" {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return last, nil
		case <-time.After(testLook):
		}
	}
}

// verdict tells people how a test went.
func verdict(target, event string, d client.Delivery, now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Test of %s: %s\n", safe(target), standing(d, now))
	for i, a := range d.Attempts {
		tellAttempt(&b, i+1, a)
	}
	tellShadow(&b, d)
	if d.State == "waiting" {
		fmt.Fprintln(&b, "`bellbuoy targets` says whether the target is paused or failing.")
	}
	fmt.Fprintf(&b, "`bellbuoy trace %s` has all of it.\n", safe(event))
	return b.Bytes()
}
