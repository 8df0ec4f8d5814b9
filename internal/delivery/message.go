package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// maxKept is how much of a message that is not kept elsewhere is kept with an attempt.
const maxKept = 64 << 10

// renderers are those in use, compiled.
type renderers struct {
	mu   sync.Mutex
	made map[rendering]*render.Renderer
}

// rendering is what a delivery's rule says, as it was planned, and its target now.
type rendering struct {
	rule   string
	target render.Rendering
}

// maxRenderers bounds how many are kept.
const maxRenderers = 4096

func (rs *renderers) of(r rendering) (*render.Renderer, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if made, ok := rs.made[r]; ok {
		return made, nil
	}
	says, err := render.Decode(r.rule)
	if err != nil {
		return nil, err
	}
	made, faults := render.Compile(says.Over(r.target))
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if rs.made == nil || len(rs.made) >= maxRenderers {
		rs.made = map[rendering]*render.Renderer{}
	}
	rs.made[r] = made
	return made, nil
}

// compose adds the message to delivery, where it is not the event itself. It reports
// whether the message is the notification as it came. What cannot be read may be put
// right, so it is tried again; a message that cannot be made of the event never can.
func (d *Dispatcher) compose(ctx context.Context, t Target, c store.Claimed, delivery *plugin.Delivery) (native bool, err error) {
	r, err := d.renderers.of(rendering{c.Rendering, t.Message})
	if err != nil {
		return false, fmt.Errorf("make the message: %w", err)
	}
	var failed error // by the store
	message, err := r.Render(render.Input{Event: c.Event, Raw: func() (render.Raw, error) {
		raw, contentType, err := d.Store.Native(ctx, c.Seq)
		failed = err
		return render.Raw{Body: raw.Bytes, ContentType: contentType, Size: raw.Size, Truncated: raw.Truncated}, err
	}})
	_, skip := errors.AsType[*render.Skip](err)
	switch {
	case skip:
		return false, err
	case failed != nil:
		return false, fmt.Errorf("make the message: %w", failed)
	case err != nil:
		return false, plugin.Permanent(fmt.Errorf("make the message: %w", err))
	}
	delivery.Body, delivery.ContentType, delivery.Headers = message.Body, message.ContentType, message.Headers
	delivery.Template, delivery.Title = r.Text, r.Title
	return r.Native(), nil
}

// keep adds to the outcome the body that was sent, where the receipt leaves it to the
// host and the trace could not tell it later.
func keep(o *store.Outcome, body []byte, native bool) {
	r := &o.Receipt.Request
	if r.Method == "" || body == nil || r.Body != "" && r.Body != string(body) {
		return
	}
	r.Body = ""
	if native {
		o.Native = true
		return
	}
	n := min(len(body), maxKept)
	for n > 0 && n < len(body) && !utf8.RuneStart(body[n]) {
		n--
	}
	r.Body = string(body[:n])
}
