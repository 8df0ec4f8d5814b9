//go:build linux

package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/process"
)

// machine is what is said of where and when a run was made.
type machine struct {
	start            time.Time
	load             string // average before
	busy, own        time.Duration
	processor        string
	syncP50, syncP99 float64 // ms
}

// look begins to watch the machine. The stores will be in dir.
func look(dir string) (machine, error) {
	m := machine{start: time.Now()}
	var err error
	if m.load, err = loadAverage(); err != nil {
		return m, err
	}
	if m.busy, m.own, err = busy(); err != nil {
		return m, err
	}
	if m.processor, err = processor(); err != nil {
		return m, err
	}
	m.syncP50, m.syncP99, err = syncing(dir)
	return m, err
}

// describe says all of it, in one paragraph, when a table has been measured.
func (m machine) describe(b *bench) (string, error) {
	load, err := loadAverage()
	if err != nil {
		return "", err
	}
	now, own, err := busy()
	if err != nil {
		return "", err
	}
	what := "the relay"
	if b.program != "" {
		if what, err = revision(b.program); err != nil {
			return "", err
		}
	}
	if b.o.scale != usualScale {
		what += fmt.Sprintf(" with %g times the usual number of events", b.o.scale)
	}
	took := time.Since(m.start)
	others := max(0, (now-m.busy)-(own-m.own)).Seconds() / took.Seconds() / float64(runtime.NumCPU())
	return fmt.Sprintf("%s, %s, rounds: %d. %d cores of %s, %s; append of 4 KiB and fdatasync %s ms, p99 %s ms; "+
		"load average %s before and %s after, other processes took %.0f %% of the processor time. It took %s.",
		m.start.UTC().Format(time.DateOnly), what, b.o.rounds, runtime.NumCPU(), m.processor, runtime.Version(),
		number(m.syncP50), number(m.syncP99), m.load, load, others*100, took.Round(time.Second)), nil
}

// usualScale is the scale of a whole run.
const usualScale = 1

func loadAverage() (string, error) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", err
	}
	f := strings.Fields(string(b))
	if len(f) == 0 {
		return "", fmt.Errorf("/proc/loadavg is not as expected: %q", b)
	}
	return f[0], nil
}

// busy returns how long the machine's cores have computed since it was started, and
// how much of that was for this process and those that it started.
func busy() (all, own time.Duration, err error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	const user, idle, waiting, steal = 1, 4, 5, 8 // guests come later and are in user
	var ticks int64
	for i, f := range strings.Fields(string(line)) {
		if i < user || i == idle || i == waiting || i > steal {
			continue
		}
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read the times of the machine: %w", err)
		}
		ticks += n
	}
	own, err = process.CPU(os.Getpid())
	const tick = 10 * time.Millisecond // USER_HZ, which Linux fixes at 100 for all
	return time.Duration(ticks) * tick, own, err
}

func processor() (string, error) {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value), nil
		}
	}
	return runtime.GOARCH, nil // not every architecture has a name there
}

// syncing measures what it takes until a small record is on the disk of dir.
func syncing(dir string) (p50, p99 float64, err error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	record := make([]byte, 4<<10)
	took := make([]time.Duration, 0, 200)
	for range cap(took) {
		start := time.Now()
		if _, err := f.Write(record); err != nil {
			return 0, 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, 0, os.NewSyscallError("fdatasync", err)
		}
		took = append(took, time.Since(start))
	}
	p50, p99 = quantiles(took)
	return p50, p99, nil
}

// revision is the commit that program was built from, as far as that is known.
func revision(program string) (string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("read how %s was built: %w", program, err)
	}
	name, changed := "bellbuoy", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			name += " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return name + changed, nil
}
