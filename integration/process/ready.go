package process

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Ready asks url again and again until it answers 200.
func (p *Process) Ready(ctx context.Context, url string) error {
	const pause = 2 * time.Millisecond
	for {
		if answers(ctx, url) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is ready: %w\n%s", p.cmd.Path, ctx.Err(), p.Log())
		case <-p.exited:
			return fmt.Errorf("%s ended before it was ready: %s\n%s", p.cmd.Path, p.cmd.ProcessState, p.Log())
		case <-time.After(pause):
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
