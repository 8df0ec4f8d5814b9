package faults_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// runOnSmallDisk runs [TestSmallDisk] in a process that has a disk of 4 MiB.
func runOnSmallDisk(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", `mount -t tmpfs -o size=4m none "$0" || { echo no small disk; exit 0; }; exec "$@"`,
		dir, os.Args[0], "-test.run", "^TestSmallDisk$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch said := string(out); {
	case cmd.ProcessState == nil, strings.Contains(said, "no small disk"):
		t.Logf("this machine lets nobody mount a small disk: %v, %s", err, said)
	case err != nil:
		t.Fatalf("%v\n%s", err, said)
	default:
		t.Log(said)
	}
}
