// Package lock lets one program at a time measure on this machine: two that
// measure at once measure each other.
package lock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// Variable is the environment variable that names another lock file, for
// programs that shall not wait for each other.
const Variable = "ASSAY_LOCK"

// look is how often a lock that another program holds is tried again.
const look = 200 * time.Millisecond

// Path is the lock's file: one for all users, so it is not below TMPDIR.
func Path() string {
	if p := os.Getenv(Variable); p != "" {
		return p
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "assay.lock")
	}
	return "/tmp/assay.lock"
}

// Take waits until no other program measures and keeps them waiting until
// free is called, or this process ends. waiting is called once, if it has to
// wait. A file system without locks has none: the measurement goes on.
func Take(ctx context.Context, waiting func()) (free func(), err error) {
	path := Path()
	// Linux lets nobody open with O_CREATE what another user made in a folder
	// that all can write to (fs.protected_regular): the file is made first, and
	// opened for reading, which a lock needs no more than.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o644)
	if err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("lock of the machine: %w (set %s to a file that can be written)", err, Variable)
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := l.TryLock()
	if err == nil && !ok {
		waiting()
		_, err = l.TryLockContext(ctx, look)
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("lock of the machine %s: %w", path, err)
	}
	return func() { l.Unlock() }, nil // closing the file frees it too
}
