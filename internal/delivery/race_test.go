//go:build race

package delivery

// raced: the race detector makes the store many times slower.
const raced = true
