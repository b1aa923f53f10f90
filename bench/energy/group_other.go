//go:build !unix

package energy

import "os/exec"

// ownGroup does nothing: this system has no process groups.
func ownGroup(*exec.Cmd) {}

// signalGroup ends a program, which can only be done by force here. It may have ended
// already.
func signalGroup(c *exec.Cmd, _ bool) { _ = c.Process.Kill() }
