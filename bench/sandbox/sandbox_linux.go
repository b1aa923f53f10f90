//go:build amd64 || arm64 || arm || riscv64

package sandbox

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Here tells what this kernel can refuse; it is asked once.
var Here = sync.OnceValue(func() Support {
	var s Support
	v, err := landlockVersion()
	if err == nil {
		s.Files = v
	} else {
		s.Why = fmt.Sprintf("no Landlock (%v)", err)
	}
	// A filter that is not there is a bad address, where filters are known.
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0)
	if s.Network = e == unix.EFAULT; !s.Network {
		if s.Why != "" {
			s.Why += ", "
		}
		s.Why += fmt.Sprintf("no seccomp filters (%v)", e)
	}
	return s
})

// Do calls f on a thread of its own that s restricts for ever, f's processes
// with it, and returns what f returns. The thread ends when until is closed; it
// outlives f because the death signal of a process is bound to the thread that
// started it. What this system cannot refuse is left: Here says so, and where it
// can refuse nothing f is not called and the error wraps errors.ErrUnsupported.
func (s Sandbox) Do(f func() error, until <-chan struct{}) error {
	done := make(chan error, 1)
	go s.thread(f, until, done)
	return <-done
}

func (s Sandbox) thread(f func() error, until <-chan struct{}, done chan<- error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
	if unix.Gettid() == unix.Getpid() {
		// The first thread stands for the whole process where others look at
		// it, and cannot end alone: it is held while another is taken.
		other := make(chan error, 1)
		go s.thread(f, until, other)
		done <- <-other
		runtime.UnlockOSThread()
		return
	}
	err := s.apply()
	if err == nil {
		err = f()
	}
	done <- err
	if err == nil {
		<-until
	}
}

// apply restricts the calling thread.
func (s Sandbox) apply() error {
	have := Here()
	if !have.Any() {
		return fmt.Errorf("sandbox: %s: %w", have.Why, errors.ErrUnsupported)
	}
	// Without it neither restriction may be set by who is not root: a
	// program that gives privileges gives none here.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("sandbox: no new privileges: %w", err)
	}
	if have.Files > 0 {
		if err := hideFiles(have.Files, s.Read); err != nil {
			return fmt.Errorf("sandbox: hide files: %w", err)
		}
	}
	if have.Network {
		if err := refuseSockets(); err != nil {
			return fmt.Errorf("sandbox: refuse sockets: %w", err)
		}
	}
	return nil
}
