//go:build unix && !linux

package serve

// keepPrivate can do nothing here.
func keepPrivate() error { return nil }

// nameProcess has nothing to do: no process is executed from memory.
func nameProcess(string) {}
