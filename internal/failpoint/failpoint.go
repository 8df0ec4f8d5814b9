// Package failpoint names the points at which a process that is killed has done one thing
// and not the next. In a program built with the tag failpoint, the environment says at
// which of them the process dies; in all others they are nothing.
package failpoint
