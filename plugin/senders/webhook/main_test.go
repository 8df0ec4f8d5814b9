package webhook

import (
	"io"
	"log"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSilentLog is for servers whose complaints are what a test is after.
func newSilentLog() *log.Logger { return log.New(io.Discard, "", 0) }
