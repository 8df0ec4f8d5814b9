package intake

import "fmt"

// Panicked is the error that [Guard] makes of a panic.
type Panicked struct{ Value any }

func (p *Panicked) Error() string {
	return fmt.Sprintf("bellbuoy failed to read it, please report this: %v", p.Value)
}

// Guard calls f, which reads what somebody else has written, and returns its error. A
// panic in f becomes a [Panicked]: one body that nobody thought of must not end all
// else, nor stop a registry's queue for ever, which is what a broken connection does.
func Guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Panicked{p}
		}
	}()
	return f()
}
