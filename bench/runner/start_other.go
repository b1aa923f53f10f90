//go:build !linux

package runner

import (
	"os"
	"os/exec"
)

// isolate does nothing here: an idle worker ends when its stdin closes.
func isolate(*exec.Cmd) {}

func (l launch) start() error { return l.do() }

// pin does nothing: this system cannot pin, or not without its own API.
func pin([]int) (restore func() error, err error) {
	return func() error { return nil }, nil
}

func kill(p *os.Process) { _ = p.Kill() }
