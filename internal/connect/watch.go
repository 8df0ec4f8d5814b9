package connect

import (
	"context"
	"fmt"
	"time"
)

// soonest is how soon the first try after a failure comes; each further one takes twice as
// long, until the usual pause is reached.
const soonest = 10 * time.Second

// Watch makes each place as it should be, and again every so often, until ctx is done:
// then it returns nil. It tells what it changed, and each failure once, until that is
// another or over; say gets what concerns all places.
func (s *Side) Watch(ctx context.Context, every time.Duration, tell func(Row), say func(string)) error {
	type key struct{ place, what string }
	told := map[key]string{} // failures, by what they concern
	trouble := ""
	first := true
	for failures := 0; ; {
		now := map[key]string{}
		places := map[string]bool{}
		failed := 0
		err := s.Apply(ctx, false, func(r Row) {
			k := key{r.Place, r.What}
			places[r.Place] = true
			switch {
			case r.Action == Failed:
				failed++
				now[k] = r.Error
				if told[k] != r.Error {
					tell(r)
				}
			case r.acted(), told[k] != "", told[key{r.Place, ""}] != "":
				tell(r)
			}
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			// What was not come to is as it was.
			for k, text := range told {
				if _, ok := now[k]; !ok && !places[k.place] {
					now[k] = text
				}
			}
		}
		told = now
		delay := every
		switch {
		case err != nil:
			if err.Error() != trouble {
				trouble = err.Error()
				say(fmt.Sprintf("%s; trying on", trouble))
			}
		case trouble != "":
			trouble = ""
			say(fmt.Sprintf("%s answers again", s.caller.who))
		}
		if err == nil && first {
			first = false
			say(fmt.Sprintf("%d looked after, %d failed; looking again every %s", len(places), failed, every))
		}
		switch {
		case faultOf(err) == faultRefused: // an account may be locked for asking often
		case err != nil || failed > 0:
			delay = after(failures, every)
			failures++
		default:
			failures = 0
		}
		if pause(ctx, delay) != nil {
			return nil
		}
	}
}

// after is the pause after so many failures and one more.
func after(failures int, every time.Duration) time.Duration {
	d := soonest
	for range failures {
		if d *= 2; d >= every {
			break
		}
	}
	return min(d, every)
}
