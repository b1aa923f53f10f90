package runner

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolate gives the worker a process group of its own, so that a terminal's
// Ctrl-C reaches only the host and one kill reaches all its children, and has
// the kernel kill it when the thread that started it dies.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// launches feeds the launcher: one locked thread that lives as long as this
// process. The death signal is bound to the starting thread, not to the
// process (prctl(2), PR_SET_PDEATHSIG), and a child inherits that thread's
// affinity, so neither may be left to a thread that the scheduler owns.
var (
	launches = make(chan launch)
	launcher sync.Once
)

func (l launch) start() error {
	launcher.Do(func() {
		go func() {
			runtime.LockOSThread()
			for l := range launches {
				l.err <- l.do()
			}
		}()
	})
	launches <- l
	return <-l.err
}

// pin sets the calling thread's affinity and returns what undoes it.
func pin(cpus []int) (restore func() error, err error) {
	if len(cpus) == 0 {
		return func() error { return nil }, nil
	}
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return nil, err
	}
	for _, c := range cpus {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return nil, err
	}
	return func() error { return unix.SchedSetaffinity(0, &old) }, nil
}

func kill(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	_ = p.Kill()
}
