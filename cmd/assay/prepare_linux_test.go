package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// holding makes this test binary hold a prepared tree until it is told to end,
// or, where the folder has a file "panic", panic.
const holding = "ASSAY_TEST_HOLD"

func init() { roles[holding] = holdUntilTold }

func holdUntilTold() {
	dir := os.Getenv(holding)
	ctx, stop := interruptible()
	defer stop()
	h := &held{talk: os.Stdout}
	h.prepare(dir, filepath.Join(dir, "state"))
	defer h.end()
	h.say(h.doubts...)
	fmt.Println("prepared")
	if _, err := os.Stat(filepath.Join(dir, "panic")); err == nil {
		panic("in mid-run")
	}
	<-ctx.Done()
}

// TestHold: what --prepare sets is put back however the process ends, short of
// a SIGKILL (bench/host tests that one).
func TestHold(t *testing.T) {
	const governor, turbo = "sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "sys/devices/system/cpu/intel_pstate/no_turbo"
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Under nohup the child would inherit that hangups are ignored.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for _, end := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, nil} {
		dir := t.TempDir()
		write := func(path, value string) {
			path = filepath.Join(dir, path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(value+"\n"), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		says := func(when, path, want string) {
			t.Helper()
			if b, err := os.ReadFile(filepath.Join(dir, path)); err != nil || strings.TrimSpace(string(b)) != want {
				t.Errorf("%s (%v): %s is %q, %v; want %q", when, end, path, b, err, want)
			}
		}
		write(governor, "schedutil")
		write(turbo, "0")
		if end == nil {
			write("panic", "")
		}
		c := exec.Command(exe)
		c.Env = append(os.Environ(), holding+"="+dir)
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "prepared\n" {
			t.Errorf("the child said %q, %v", line, err)
		}
		if end != nil {
			says("in mid-run", governor, "performance")
			says("in mid-run", turbo, "1")
			c.Process.Signal(end)
		}
		if err := c.Wait(); (err != nil) != (end == nil) {
			t.Errorf("%v: the child ended with %v", end, err)
		}
		says("in the end", governor, "schedutil")
		says("in the end", turbo, "0")
	}
}
