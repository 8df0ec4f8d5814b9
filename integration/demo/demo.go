package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/distribution/distribution/v3/configuration"

	"github.com/bellbuoy/bellbuoy/integration/distribution"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// The image that is pushed.
const repository, tag = "team/hello", "v1"

// demo runs the show; root is the folder of bellbuoy's sources.
func demo(ctx context.Context, out io.Writer, root string) (err error) {
	dir, err := os.MkdirTemp("", "bellbuoy-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	step(out, "build bellbuoy (the first time takes a minute or two)")
	program, err := sidecar.Build(ctx, root, dir, false)
	if err != nil {
		return err
	}

	rec, err := receiver.Start()
	if err != nil {
		return err
	}
	defer rec.Down()
	step(out, "a receiver listens on %s", rec.URL())

	examples := filepath.Join(root, "examples", "distribution")
	endpoint, registryConfig, err := registryFile(filepath.Join(examples, "config.yml"))
	if err != nil {
		return err
	}
	c, token, err := bellbuoyFile(filepath.Join(examples, "bellbuoy.yml"), dir, rec.URL(), endpoint)
	if err != nil {
		return err
	}
	side, err := sidecar.Start(program, c, filepath.Join(dir, "bellbuoy.log"), token)
	if err != nil {
		return err
	}
	defer side.Kill()
	if err := side.Ready(ctx); err != nil {
		return err
	}
	endpoint.URL = "http://" + c.Listen + "/in/hub"
	step(out, "bellbuoy runs as process %d with examples/distribution/bellbuoy.yml\n   and takes notifications on %s", side.PID(), endpoint.URL)

	reg, err := distribution.Start(ctx, registryConfig, io.Discard)
	if err != nil {
		return err
	}
	defer reg.Close()
	step(out, "a Distribution v3 registry runs on %s with the notifications\n   of examples/distribution/config.yml", reg.Host())

	digest, err := reg.Push(ctx, repository, tag)
	if err != nil {
		return err
	}
	step(out, "pushed %s/%s:%s\n   which is %s", reg.Host(), repository, tag, digest)

	id, err := delivered(ctx, out, rec, digest)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, side.Log())
	}
	if err := recorded(ctx, side, id); err != nil {
		return fmt.Errorf("%w\n%s", err, side.Log())
	}
	trace, err := side.Command(ctx, "trace", id)
	if err != nil {
		return err
	}
	step(out, "bellbuoy trace %s\n\n%s", id, trace)

	if status, err := side.Stop(ctx); err != nil || status != 0 {
		return fmt.Errorf("bellbuoy did not stop well: exit status %d, %v\n%s", status, err, side.Log())
	}
	step(out, "done: bellbuoy stopped with exit status 0")
	return nil
}

// delivered waits for the webhook that tells of digest, prints it and returns its
// event's id.
func delivered(ctx context.Context, out io.Writer, rec *receiver.Receiver, digest string) (id string, err error) {
	var a receiver.Arrival
	var e event.Event
	err = rec.Wait(ctx, func(all []receiver.Arrival) bool {
		for _, a = range all {
			if json.Unmarshal(a.Body, &e) == nil && e.Type == event.ArtifactPushed && e.Artifact != nil && e.Artifact.Digest == digest {
				return true
			}
		}
		return false
	})
	if err != nil {
		return "", fmt.Errorf("no webhook told of the push: %w", err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, a.Body, "   ", "  "); err != nil {
		return "", fmt.Errorf("read the webhook: %w", err)
	}
	step(out, "the webhook arrived: POST /hook, webhook-id: %s\n\n   %s", a.WebhookID, pretty.Bytes())
	return e.ID, nil
}

// recorded waits until the delivery's outcome is on record, which is a moment after
// the receiver has it.
func recorded(ctx context.Context, side *sidecar.Sidecar, id string) error {
	for {
		t, err := side.Trace(ctx, id)
		if err != nil {
			return err
		}
		if len(t.Deliveries) == 1 && t.Deliveries[0].State == "delivered" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the delivery is not on record: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// registryFile reads the registry's configuration and finds bellbuoy's endpoint in it.
func registryFile(path string) (*configuration.Endpoint, *configuration.Configuration, error) {
	c, err := distribution.Load(path)
	if err != nil {
		return nil, nil, err
	}
	for i, e := range c.Notifications.Endpoints {
		if e.Name == "bellbuoy" {
			return &c.Notifications.Endpoints[i], c, nil
		}
	}
	return nil, nil, fmt.Errorf("%s has no endpoint named bellbuoy", path)
}

func step(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "=> "+format+"\n", args...)
}
