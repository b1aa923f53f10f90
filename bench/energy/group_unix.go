//go:build unix

package energy

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a program into a process group of its own.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// signalGroup ends a program's process group, by asking or by force. It may have
// ended already.
func signalGroup(c *exec.Cmd, force bool) {
	sig := syscall.SIGTERM
	if force {
		sig = syscall.SIGKILL
	}
	_ = syscall.Kill(-c.Process.Pid, sig)
}
