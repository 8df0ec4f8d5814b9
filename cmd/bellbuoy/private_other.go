//go:build !linux

package main

// keepPrivate can do nothing here: whether processes of one user may look into each other
// is up to the system.
func keepPrivate() error { return nil }
