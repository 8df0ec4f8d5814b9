//go:build race

package browser_test

// raced says that the tests run with the race detector; then the program does too.
const raced = true
