package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Children returns the ids of the processes that pid has started and that still
// run, as /proc shows them.
func Children(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var children []int
	for _, path := range stats {
		f, err := Stat(path)
		if err != nil {
			continue // it has ended since
		}
		const state, parent = 0, 1
		if f[state] == "Z" || f[parent] != strconv.Itoa(pid) {
			continue
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, fmt.Errorf("list processes: %w", err)
		}
		children = append(children, child)
	}
	return children, nil
}

// Stat returns the fields of a /proc/PID/stat behind the name of the program, which
// may hold blanks: the first is the state, the second the parent.
func Stat(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("%s is not as expected: %q", path, b)
	}
	return fields, nil
}

// Tree returns pid and all that descend from it and still run, parents first.
func Tree(pid int) ([]int, error) {
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		children, err := Children(tree[i])
		if err != nil {
			return nil, err
		}
		tree = append(tree, children...)
	}
	return tree, nil
}

// CPU returns the time that pid and all that descends from it have spent computing,
// those that ended and were reaped included.
func CPU(pid int) (time.Duration, error) {
	tree, err := Tree(pid)
	if err != nil {
		return 0, err
	}
	const first, last = 11, 14 // user and system, then the same of reaped children
	var ticks int64
	for _, pid := range tree {
		f, err := Stat(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended since; its parent accounts for it
		}
		for _, s := range f[first : last+1] {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read the times of process %d: %w", pid, err)
			}
			ticks += n
		}
	}
	const tick = 10 * time.Millisecond // USER_HZ, which Linux fixes at 100 for all
	return time.Duration(ticks) * tick, nil
}

// Memory returns the proportional set size, in bytes, of pid and all that descends
// from it: what they share is counted once.
func Memory(pid int) (int64, error) {
	tree, err := Tree(pid)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, pid := range tree {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has ended since
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
				kib, err := strconv.ParseInt(f[1], 10, 64)
				if err != nil {
					return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
				}
				sum += kib << 10
			}
		}
	}
	return sum, nil
}
