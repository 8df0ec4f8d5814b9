package plugintest

import (
	"context"
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// calm makes a panic of a sender a failure of the test, which goes on.
type calm struct {
	plugin.Sender
	t *testing.T
}

func (c calm) recover(call string, input any, err *error) {
	if p := recover(); p != nil {
		c.t.Errorf("%s panicked: %v; it was given %.500s\n%s", call, p, input, debug.Stack())
		*err = fmt.Errorf("%s panicked: %v", call, p)
	}
}

func (c calm) Check(ctx context.Context, check plugin.Check) (faults []plugin.Fault, err error) {
	defer c.recover("Check", check.Options, &err)
	return c.Sender.Check(ctx, check)
}

func (c calm) Render(ctx context.Context, d plugin.Delivery) (r plugin.Request, err error) {
	defer c.recover("Render", d.Event, &err)
	return c.Sender.Render(ctx, d)
}

func (c calm) Send(ctx context.Context, d plugin.Delivery) (r plugin.Receipt, err error) {
	defer c.recover("Send", d.Event, &err)
	return c.Sender.Send(ctx, d)
}
