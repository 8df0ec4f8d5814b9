//go:build race

package chattest

// every so many texts is tried: the race detector makes that ten times slower.
const every = 13
