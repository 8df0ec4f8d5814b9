package intake

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// keepOfLarge is how much is kept of a body larger than [adapters.LargeBody].
const keepOfLarge = 64 << 10

// refusal is why a request is answered with an error.
type refusal struct {
	status int
	detail string
}

// maxLarge is how many bodies larger than [adapters.LargeBody] are in memory at a time.
const maxLarge = 4

// readBody reads the whole body, at most [adapters.MaxBody]. done is to be called when
// the body is no longer used; a large one takes the room of others until then.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) (_ []byte, done func(), _ *refusal) {
	done = func() {}
	var body bytes.Buffer
	if r.ContentLength <= adapters.MaxBody {
		// Room for what is announced, but not on the word of a client that sends nothing.
		body.Grow(int(min(max(r.ContentLength, 0), keepOfLarge)) + bytes.MinRead)
		if _, err := body.ReadFrom(io.LimitReader(r.Body, adapters.LargeBody+1)); err != nil {
			return nil, done, notWhole(err)
		}
	}
	if body.Len() > adapters.LargeBody {
		select {
		case h.large <- struct{}{}:
			done = func() { <-h.large }
		case <-r.Context().Done():
			return nil, done, notWhole(r.Context().Err())
		}
		if _, err := body.ReadFrom(io.LimitReader(r.Body, adapters.MaxBody-adapters.LargeBody)); err != nil {
			return nil, done, notWhole(err)
		}
	}
	if r.ContentLength > adapters.MaxBody || body.Len() > adapters.MaxBody {
		w.Header().Set("Connection", "close")
		drain(r)
		return nil, done, &refusal{http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the body is larger than %d MiB; no notification is", adapters.MaxBody>>20)}
	}
	return body.Bytes(), done, nil
}

// drain reads some more of a body that is refused: a client that is still sending when
// the connection closes does not see the answer. One that asked first sends nothing.
func drain(r *http.Request) {
	if r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, adapters.MaxBody)
	}
}

func notWhole(err error) *refusal {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &refusal{http.StatusRequestTimeout, "the body did not arrive in time; send it again"}
	}
	return &refusal{http.StatusBadRequest, "the body did not arrive whole; send it again"}
}

// keep returns what is kept of body. What it returns of a large one does not hold on
// to the rest.
func keep(body []byte) store.Raw {
	raw := store.Raw{Bytes: body, Size: int64(len(body)), SHA256: sha256.Sum256(body)}
	if len(body) > adapters.LargeBody {
		raw.Bytes, raw.Truncated = bytes.Clone(body[:keepOfLarge]), true
	}
	return raw
}
