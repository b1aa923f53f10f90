//go:build linux

package agents_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// fill lets the disk of an agent's outbox be full for a while: a file system of
// its own with no room left, which lies over the outbox. Where none can be
// mounted, nothing can be written there for another reason.
func (s *storm) fill(t *testing.T, c *child, while time.Duration) string {
	t.Helper()
	outbox := filepath.Join(c.dir, "outbox")
	err := syscall.Mount("tmpfs", outbox, "tmpfs", 0, "size=8k")
	if errors.Is(err, syscall.EPERM) {
		if err := os.Rename(outbox, outbox+".away"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(while)
		if err := os.Rename(outbox+".away", outbox); err != nil {
			t.Fatal(err)
		}
		return "outbox of an agent away"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Unmount(outbox, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	err = os.WriteFile(filepath.Join(outbox, "filler"), make([]byte, 64<<10), 0o600)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	time.Sleep(while)
	return "disk of an agent full"
}
