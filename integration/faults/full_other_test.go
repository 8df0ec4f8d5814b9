//go:build !linux

package faults_test

import "testing"

// runOnSmallDisk would need namespaces.
func runOnSmallDisk(t *testing.T) {
	t.Helper()
	t.Log("this system has no namespaces in which a small disk could be mounted")
}
