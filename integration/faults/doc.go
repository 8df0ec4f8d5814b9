// Package faults breaks things on purpose, around bellbuoy and beneath it, and holds it to
// its one promise: what was answered 202 reaches each of its targets, or ends in a way that
// the trace tells, whatever breaks. The tests are the package; the code beside them is what
// they share.
package faults
