// Demo shows bellbuoy's main job on real parts: it starts a CNCF Distribution
// registry, bellbuoy in a process of its own and a receiver, pushes an image and
// prints the webhook that arrives and the event's trace. Registry and bellbuoy run
// with the files of examples/distribution, but for addresses, which are of this run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	root := flag.String("root", "..", "folder of bellbuoy's sources")
	most := flag.Duration("within", 5*time.Minute, "give up after so long, building included")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *most, errors.New("it took too long"))
	defer cancel()
	if err := demo(ctx, os.Stdout, *root); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		fmt.Fprintln(os.Stderr, "demo failed:", err)
		os.Exit(1)
	}
}
