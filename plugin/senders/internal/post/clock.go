package post

import (
	"fmt"
	"time"
)

// Clock compares this machine's clock with the target's, as far as the Date of a reply
// tells: how far ours is ahead, less than 0 where it is behind, and what to do about it.
func Clock(r Reply) (ahead time.Duration, advice string) {
	at, err := time.Parse(time.RFC1123, r.Header.Get("Date"))
	if err != nil {
		return 0, "set this machine's clock"
	}
	ahead = r.At.Sub(at).Round(time.Second)
	switch {
	case ahead > time.Minute:
		return ahead, fmt.Sprintf("this machine's clock is %s fast, set it", ahead)
	case ahead < -time.Minute:
		return ahead, fmt.Sprintf("this machine's clock is %s slow, set it", -ahead)
	}
	return ahead, "the clocks agree now"
}
