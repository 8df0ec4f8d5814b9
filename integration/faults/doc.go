// Package faults breaks things on purpose, around bellbuoy and beneath it, and holds it to
// its one promise: what was answered 202 reaches each of its targets, or ends in a way that
// the trace tells, whatever breaks. The tests are the package; the code beside them is what
// they share.
//
// Beneath the store, how often in make test and in make faults:
//
//	power is cut, at any write            TestPowerCut                      3 000   1 000 000
//	... with syncs left out, which shows  TestPowerCutFindsMissingSyncs     until found
//	the disk is full for a while          TestDiskFull                        300       2 000
//	... for the index of a long log       TestDiskFullForTheIndexOfTheLog       1           1
//	... a small disk in earnest           TestSmallDisk                        10         200
//	the disk fails, or is read-only       TestDiskFails                     5 x 60  5 x 2 000
//	files are damaged                     TestDamagedFile                     400     200 000
//	two processes on one store            TestOpenRefuses in internal/store     1           1
package faults
