package host

import "time"

// State is where the sender of a target type stands.
type State string

const (
	Starting State = "starting"
	Up       State = "up"
	Down     State = "down" // it died or could not be started; the next call after the pause starts it
	// Halted is a sender that died too often: five times in ten minutes. It is started
	// again after five minutes, and is halted again where it dies within ten.
	Halted  State = "halted"
	Stopped State = "stopped" // its host is closed
)

// Stat is an account of the sender of one target type.
type Stat struct {
	Type     string
	State    State
	PID      int       // 0 unless up
	Protocol int       // version that it and the host speak; 0 unless up
	Resident int64     // bytes of memory in use; 0 unless up, and where the system does not tell
	Restarts int       // starts after the first that succeeded
	Since    time.Time // of State
	Error    string    // why it last went down
	Version  string    // as it describes itself; "" until it was up
	File     string    // that it runs from; "" where it comes with the host
	Next     time.Time // of [Down] and [Halted]: before which it is not started
	Deaths   int       // within the last ten minutes, failed starts among them
	InFlight int       // calls that it has not answered
	Dropped  int       // lines that it printed and that were too many for the log
	Lines    []Line    // that it printed last; at most 200, and 64 KiB
}

func (k *keeper) stat() Stat {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Stat{Type: k.typ, State: k.state, Restarts: max(0, k.lives-1), Since: k.since, Version: k.version, Lines: k.memory.last()}
	s.Deaths = len(k.recent(time.Now()))
	if k.state == Up {
		s.PID = k.life.proc.pid()
		s.Protocol = k.life.protocol
		s.Resident = resident(s.PID)
		s.InFlight = k.life.calls.count()
	}
	if k.state == Down || k.state == Halted {
		s.Next = k.notBefore
	}
	s.Dropped = k.dropped
	if k.output != nil {
		s.Dropped += k.output.lost()
	}
	if k.lastErr != nil {
		s.Error = k.lastErr.Error()
	}
	if f := k.host.file; f != nil {
		if file, ok := f(k.typ); ok {
			s.File = file.Path
		}
	}
	return s
}
