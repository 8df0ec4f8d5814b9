package faults

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Scale is how often a test does what it does: push in make test; all in make faults, which
// sets BELLBUOY_FAULTS=all; and push times n with BELLBUOY_FAULTS=n.
func Scale(t testing.TB, push, all int) int {
	t.Helper()
	switch v := os.Getenv("BELLBUOY_FAULTS"); v {
	case "":
		return push
	case "all":
		return all
	default:
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("BELLBUOY_FAULTS is %q, and must be a number from 1, or all", v)
		}
		return push * n
	}
}

// Rand is where a test takes its chances from: from seed 1, or BELLBUOY_SEED. A test that
// fails says how to try the same once more.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(1)
	if v := os.Getenv("BELLBUOY_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("BELLBUOY_SEED is %q, and must be a number", v)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat: BELLBUOY_SEED=%d go -C integration test ./faults -run '^%s$'", seed, t.Name())
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}
