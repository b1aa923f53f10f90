package memory

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/bench/runner"
)

// role makes the test binary a child that allocates on command ("child"), or
// the worker of an engine, by its name.
const role = "ASSAY_MEMORY_TEST"

func TestMain(m *testing.M) {
	switch name := os.Getenv(role); name {
	case "":
		os.Exit(m.Run())
	case "child":
		fail(child(os.Stdin, os.Stdout))
	default:
		in, out, err := runner.Stdio()
		fail(err)
		fail(runner.Serve(context.Background(), in, out, engines[name]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child takes lines: "take N" maps and touches N bytes, "drop" unmaps them;
// it answers "ok" to each.
func child(in io.Reader, out io.Writer) error {
	var held []byte
	for lines := bufio.NewScanner(in); lines.Scan(); fmt.Fprintln(out, "ok") {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "take %d", &n); err == nil {
			if held, err = syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON); err != nil {
				return err
			}
			for i := 0; i < n; i += 4096 {
				held[i] = 1
			}
		} else if lines.Text() == "drop" {
			if err := syscall.Munmap(held); err != nil {
				return err
			}
		}
	}
	return nil
}

type kid struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t testing.TB) *kid {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	k := &kid{cmd: exec.Command(self)}
	k.cmd.Env = append(os.Environ(), role+"=child")
	k.cmd.Stderr = os.Stderr
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	k.out = bufio.NewReader(out)
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.end)
	k.do(t, "hello")
	return k
}

func (k *kid) end() {
	k.in.Close()
	k.cmd.Wait() // the child ends with its stdin; a second Wait only says so
}

func (k *kid) do(t testing.TB, what string) {
	t.Helper()
	fmt.Fprintln(k.in, what)
	if line, err := k.out.ReadString('\n'); err != nil || line != "ok\n" {
		t.Fatalf("child answered %q, %v to %q", line, err, what)
	}
}

func (k *kid) usage(t *testing.T) Usage {
	t.Helper()
	u, err := Read(k.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// near wants got within 5 % of want.
func near(t *testing.T, what string, got, want int64) {
	t.Helper()
	if d := got - want; d > want/20 || d < -want/20 {
		t.Errorf("%s: %d bytes, want %d within 5 %%", what, got, want)
	}
}

func TestKnownAllocation(t *testing.T) {
	const size = 128 << 20
	k := start(t)
	idle := k.usage(t)
	k.do(t, fmt.Sprintf("take %d", size))
	full := k.usage(t)
	near(t, "resident", full.RSS-idle.RSS, size)
	near(t, "peak", full.PeakRSS-idle.RSS, size)
	near(t, "own", full.Own-idle.Own, size)
	if pss, err := Share(k.cmd.Process.Pid); errors.Is(err, errors.ErrUnsupported) {
		t.Log(err) // no smaps_rollup in this kernel
	} else if err != nil || pss < size || pss > full.RSS+1<<20 {
		t.Errorf("the proportional share is %d, %v; resident are %d", pss, err, full.RSS)
	}

	k.do(t, "drop")
	after := k.usage(t)
	near(t, "peak after freeing", after.PeakRSS-idle.RSS, size)
	if after.RSS > full.RSS-size*9/10 {
		t.Errorf("resident after freeing: %d bytes", after.RSS)
	}
	if err := ResetPeak(k.cmd.Process.Pid); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this kernel cannot reset a peak: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if u := k.usage(t); u.PeakRSS > after.RSS+size/10 {
		t.Errorf("the peak after its reset is %d bytes, resident are %d", u.PeakRSS, u.RSS)
	}
}

func TestEndedProcess(t *testing.T) {
	k := start(t)
	k.end()
	pid := k.cmd.Process.Pid
	u, err := Read(pid)
	if !errors.Is(err, ErrGone) || u != (Usage{-1, -1, -1}) || !strings.Contains(err.Error(), fmt.Sprint(pid)) {
		t.Errorf("an ended process: %v, %v", u, err)
	}
	if err := ResetPeak(pid); !errors.Is(err, ErrGone) {
		t.Errorf("reset of an ended process: %v", err)
	}
	if v, err := Share(pid); !errors.Is(err, ErrGone) || v != -1 {
		t.Errorf("share of an ended process: %d, %v", v, err)
	}
	if _, err := Follow(pid); !errors.Is(err, ErrGone) {
		t.Errorf("an ended process was followed: %v", err)
	}
	if _, err := Read(-1); !errors.Is(err, ErrGone) {
		t.Errorf("process −1: %v", err)
	}
}

func TestZombie(t *testing.T) {
	k := start(t)
	k.in.Close()
	io.Copy(io.Discard, k.out) // ends with the child, which nobody has waited for yet
	// The pipe closes a moment before the memory is gone.
	var err error
	for begun := time.Now(); time.Since(begun) < 5*time.Second; time.Sleep(time.Millisecond) {
		if _, err = Read(k.cmd.Process.Pid); errors.Is(err, ErrGone) {
			return
		}
	}
	t.Errorf("a zombie after 5 s: %v, want ErrGone", err)
}

func FuzzKilobytes(f *testing.F) {
	f.Add("VmHWM:\t  123 kB\nVmRSS: -5 kB\nPss: 99999999999999999999 kB\n")
	f.Fuzz(func(t *testing.T, s string) {
		for name, v := range kilobytes(s) {
			if v < 0 {
				t.Errorf("%s is %d", name, v)
			}
		}
	})
}
