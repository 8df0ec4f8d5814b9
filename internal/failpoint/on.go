//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// chosen is where to die: BELLBUOY_FAILPOINT=NAME:N, the Nth time that a point is reached.
var chosen = sync.OnceValues(func() (name string, hit int64) {
	name, n, _ := strings.Cut(os.Getenv("BELLBUOY_FAILPOINT"), ":")
	hit, _ = strconv.ParseInt(n, 10, 64)
	return name, hit
})

var hits atomic.Int64

// At kills this process, as kill -9 does, where this is the chosen point and hit.
func At(point string) {
	name, hit := chosen()
	if point != name || hits.Add(1) != hit {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing more is done until it is dead
}
