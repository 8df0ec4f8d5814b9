//go:build linux

package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes the test's own binary play the other processes too: senders that
// behave and that do not, and a host that is killed.
func TestMain(m *testing.M) {
	if mode, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "bellbuoy-sender-"); ok { // a copy of it in a folder
		playSender(mode)
		return
	}
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "sender":
			playSender(os.Args[2])
			return
		case "host":
			if err := playHost(os.Args[2], os.Args[3]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	goleak.VerifyTestMain(m)
}
