package sidecar

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	_, rest, ok := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return nil, fmt.Errorf("%s is not as expected: %q", path, b)
	}
	return fields, nil
}
