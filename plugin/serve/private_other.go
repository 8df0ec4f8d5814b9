//go:build unix && !linux

package serve

// keepPrivate can do nothing here.
func keepPrivate() error { return nil }
