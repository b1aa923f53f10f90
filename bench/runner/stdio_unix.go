//go:build unix

package runner

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Stdio takes stdin and stdout for frames alone and returns them: from then
// on descriptor 1 leads to stderr and descriptor 0 to nothing, so that a
// library that prints cannot corrupt a frame, nor one that reads steal it.
func Stdio() (in, out *os.File, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, fmt.Errorf("worker: %w", err)
	}
	defer null.Close()
	if in, err = move(0, int(null.Fd()), "frames in"); err != nil {
		return nil, nil, err
	}
	if out, err = move(1, 2, "frames out"); err != nil {
		return nil, nil, err
	}
	return in, out, nil
}

// move returns a copy of descriptor fd and makes fd a copy of to.
func move(fd, to int, name string) (*os.File, error) {
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("worker: keep descriptor %d: %w", fd, err)
	}
	if err := dup2(to, fd); err != nil {
		return nil, fmt.Errorf("worker: redirect descriptor %d: %w", fd, err)
	}
	return os.NewFile(uintptr(kept), name), nil
}
