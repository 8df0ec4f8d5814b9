package faults_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// patience bounds every wait: it is reached only where something is broken.
const patience = 3 * time.Minute

// home is the folder of the programs under test, from TestMain on.
var home string

// build and buildToDie build the program once for all tests: as it is released, or with
// the race detector where the tests have it; and with the points at which it can be killed.
var (
	build      = sync.OnceValues(func() (string, error) { return sidecar.Build(context.Background(), "../..", home, raced) })
	buildToDie = sync.OnceValues(func() (string, error) {
		return sidecar.Build(context.Background(), "../..", home, false, "failpoint")
	})
)

func TestMain(m *testing.M) {
	var err error
	if home, err = os.MkdirTemp("", "bellbuoy-faults-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(home)
	os.Exit(status)
}

func built(t *testing.T, build func() (string, error)) string {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return program
}
