//go:build !race

package chattest

// every text is tried.
const every = 1
