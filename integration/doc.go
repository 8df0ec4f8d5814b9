// Package integration holds the tests that need the whole: the real program in a
// process of its own, between a real registry and a real receiver. Its parts are in
// the packages below it; they know bellbuoy only from outside, by its command, its
// configuration and its HTTP interfaces.
package integration
