//go:build race

package store

// raced: the race detector makes the store many times slower.
const raced = true
