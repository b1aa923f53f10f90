package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWatch: what is taken and dropped within a phase is its own, and no
// phase hides the next.
func TestWatch(t *testing.T) {
	k := start(t)
	w, err := Follow(k.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	const big, small = 96 << 20, 32 << 20
	begun := k.usage(t).RSS
	for _, c := range []struct {
		what string
		size int
		want int64
	}{
		{"a big phase", big, big},
		{"a small phase after a big one", small, small},
	} {
		k.do(t, fmt.Sprintf("take %d", c.size))
		k.do(t, "drop")
		took, err := w.Look()
		if err != nil {
			t.Fatal(err)
		}
		if took < 0 && errors.Is(ResetPeak(k.cmd.Process.Pid), errors.ErrUnsupported) {
			t.Skip("this kernel cannot reset a peak")
		}
		near(t, c.what, took, c.want)
	}
	near(t, "the peak of all phases", w.Peak()-begun, big)
	if took, err := w.Look(); err != nil || took < 4096 || took > 1<<20 {
		t.Errorf("a phase in which nothing happens took %d bytes, %v; want a page or little more", took, err)
	}

	k.end() // it dies between two phases
	if took, err := w.Look(); !errors.Is(err, ErrGone) || took != -1 {
		t.Errorf("a phase that ended with the process: %d, %v", took, err)
	}
	near(t, "the peak of a process that has ended", w.Peak()-begun, big)
}

// TestHidden: where a peak cannot be reset, a phase below an older peak is
// unknown, not free.
func TestHidden(t *testing.T) {
	k := start(t)
	k.do(t, fmt.Sprintf("take %d", 64<<20))
	k.do(t, "drop")
	u := k.usage(t)
	asNobody(t, func() {
		w, err := Follow(k.cmd.Process.Pid)
		if err != nil {
			t.Error(err)
			return
		}
		if err := ResetPeak(k.cmd.Process.Pid); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("reset the peak of root's process: %v", err)
		}
		if v, err := Share(k.cmd.Process.Pid); !errors.Is(err, fs.ErrPermission) || v != -1 {
			t.Errorf("the share of root's process: %d, %v", v, err)
		}
		k.do(t, fmt.Sprintf("take %d", 16<<20))
		if took, err := w.Look(); took != -1 || err != nil {
			t.Errorf("a phase below an older peak took %d, %v; want unknown", took, err)
		}
		if w.Peak() != u.PeakRSS {
			t.Errorf("the peak is %d, want %d", w.Peak(), u.PeakRSS)
		}
		k.do(t, "drop")
		k.do(t, fmt.Sprintf("take %d", 96<<20))
		if took, err := w.Look(); took < 76<<20 || took > 84<<20 || err != nil { // above the 16 MiB that were there
			t.Errorf("a phase above the older peak took %d, %v", took, err)
		}
	})
}

// asNobody runs f on a thread whose file accesses are those of the user
// nobody (setfsuid(2)), which /proc goes by, without capabilities. It needs
// root.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if unix.Geteuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		none := [2]unix.CapUserData{}
		if err := errors.Join(unix.Setfsuid(65534), unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}
